import { MINUTE_MS } from "../../lifecycle.ts";
import type { Call } from "../../service.ts";
import { reaches } from "../ec2/reach.ts";
import type { Instance } from "../ec2/slice.ts";
import { fsxState } from "../fsx/state.ts";
import { roleAllows } from "../iam.ts";
import { writeLines } from "../logs.ts";
import type { BootTrouble } from "./state.ts";

/** From the launch: a boot, and the five minutes that its scripts try for. */
const GIVES_UP_MS = 6.5 * MINUTE_MS;

/** Whether the file system that a node's user data names can be mounted; other user data than ours mounts nothing. */
export function bootTrouble(call: Call, { userData = "" }: Instance): BootTrouble | undefined {
  const text = Buffer.from(userData, "base64").toString();
  const [, environment] = /^environment='([^']+)'$/m.exec(text) ?? [];
  const [, source, id = "", mountName] = /^source='((fs-[0-9a-f]+)\.[^'@]+@tcp:\/([^']+))'$/m.exec(text) ?? [];
  if (environment === undefined || source === undefined) return undefined;
  const fileSystem = fsxState(call).fileSystems[id];
  const answers =
    fileSystem?.mountName === mountName && ["AVAILABLE", "UPDATING"].includes(fileSystem?.lifecycle ?? "");
  if (answers) return undefined;
  const [, mountPoint = "/fsx"] = /^lustre='([^']+)'$/m.exec(text) ?? [];
  const words = `cannot mount ${source} at ${mountPoint}: mount.lustre: Can't parse NID '${source}'`;
  return { at: call.now + GIVES_UP_MS, environment, words };
}

/** A node's last word, in the environment's log, if its role lets it and its network too. */
export function tellTrouble(call: Call, instance: Instance, role: string | undefined, trouble: BootTrouble): void {
  const group = `/bootstrap/${trouble.environment}`;
  const stream = `node/${instance.id}`;
  const arn = `arn:${call.partition}:logs:${call.region}:${call.account}:log-group:${group}:log-stream:${stream}`;
  const may = ["logs:CreateLogStream", "logs:PutLogEvents"].every((action) => roleAllows(call, role, action, arn));
  if (may && reaches(call, instance, ["logs"])) {
    writeLines(call, group, stream, [{ at: trouble.at, message: trouble.words }]);
  }
}
