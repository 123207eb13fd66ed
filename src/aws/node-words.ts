import { paginateFilterLogEvents } from "@aws-sdk/client-cloudwatch-logs";
import type { Cloud } from "./clients.ts";
import { orNothing, unlessDenied } from "./errors.ts";
import { listed } from "./pages.ts";

/** Why a node took no job, as it said itself before it ended. */
export interface NodeWord {
  readonly instanceId: string;
  readonly at: Date;
  readonly words: string;
}

/** Of the streams that only nodes make; the image's `refuse` writes there. */
const STREAMS = "node/";

/** What nodes that did not come up said since then, the latest last; nothing where nobody may look, or there is no log yet. */
export async function nodeWords(cloud: Cloud, logGroupName: string, since: Date): Promise<readonly NodeWord[]> {
  const asked = { logGroupName, logStreamNamePrefix: STREAMS, startTime: since.getTime() };
  const pages = paginateFilterLogEvents({ client: cloud.logs }, asked);
  const events = await unlessDenied(orNothing(listed(pages, (page) => page.events)));
  return (events ?? [])
    .map(({ logStreamName = "", timestamp = 0, message = "" }) => ({
      instanceId: logStreamName.slice(STREAMS.length),
      at: new Date(timestamp),
      words: message.trim(),
    }))
    .sort((a, b) => a.at.getTime() - b.at.getTime());
}
