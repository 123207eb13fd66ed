import { environmentsHere } from "../aws/environments.ts";
import { RefusedError } from "../engine/errors.ts";
import { hint } from "../engine/hint.ts";
import type { Session } from "./session.ts";

/** Of an environment of which nothing is there: whoever typed its name may have meant one of these. */
export async function othersHere({ cloud, config }: Pick<Session, "cloud" | "config">): Promise<readonly string[]> {
  const names = await environmentsHere(cloud);
  return (names ?? []).filter((name) => name !== config.name);
}

/** That there is no such environment, with those that there are. */
export function absent(
  { config, identity }: Pick<Session, "config" | "identity">,
  others: readonly string[],
): RefusedError {
  const { name, region } = config;
  return new RefusedError(
    `there is no environment ${name} in ${region}, account ${identity.account}`,
    others.length > 0
      ? `in this region there ${others.length === 1 ? "is" : "are"} ${others.join(", ")}: choose with --name, or another --region`
      : hint`${["up"]} makes it; if it stands elsewhere, name its --region`,
  );
}
