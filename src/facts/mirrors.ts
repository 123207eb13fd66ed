import { willMake } from "../actions/plan.ts";
import type { Session } from "../actions/session.ts";
import type { Cloud } from "../aws/clients.ts";
import type { Plan } from "../engine/engine.ts";
import { ConfigError } from "../engine/errors.ts";
import type { Facts } from "../environment/index.ts";

/**
 * Refuses an image that an instance in China would have to build from public registries: it would wait for them until
 * its time is up. What a context of one's own needs, nobody knows, and an image that is there needs none.
 */
export function demandMirrors(
  { config: { container, partition } }: Pick<Session, "config">,
  { build }: Pick<Facts, "build">,
  plan: Pick<Plan<Cloud>, "nodes">,
): void {
  if (partition.id !== "aws-cn" || container.kind === "ready" || build?.builder !== "instance") return;
  if (!willMake(plan, "container-image")) return;
  const missing = (["baseImage", "conda"] as const).filter((key) => container.mirrors[key] === undefined);
  if (container.context.kind === "folder" || missing.length === 0) return;
  throw new ConfigError(
    `${missing.map((key) => `container.mirrors.${key}`).join(" and ")}: missing, and an instance in China hardly reaches Docker Hub and conda.anaconda.org`,
    "name mirrors that can be reached there (README, China), or a ready image with container.image; to try the public ones all the same, name those",
  );
}
