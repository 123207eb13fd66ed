import type { Cloud } from "../aws/clients.ts";
import type { Plan } from "../engine/engine.ts";
import { ConfigError } from "../engine/errors.ts";
import type { Planned } from "../engine/events.ts";
import type { Facts } from "../environment.ts";
import type { Session } from "./session.ts";

const BUILDS: ReadonlySet<Planned> = new Set(["create", "replace", "confirm", "follows"]);

/**
 * Refuses an image that an instance in China would have to build from public registries: it would wait for them until
 * its time is up. What a context of one's own needs, nobody knows, and an image that is there needs none.
 */
export function demandMirrors(
  { config: { container, partition } }: Pick<Session, "config">,
  { build }: Pick<Facts, "build">,
  { nodes }: Pick<Plan<Cloud>, "nodes">,
): void {
  if (partition.id !== "aws-cn" || container.kind === "ready" || build?.builder !== "instance") return;
  if (!nodes.some(({ node, verdict }) => node === "container-image" && BUILDS.has(verdict))) return;
  const missing = (["baseImage", "conda"] as const).filter((key) => container.mirrors[key] === undefined);
  if (container.context.kind === "folder" || missing.length === 0) return;
  throw new ConfigError(
    `${missing.map((key) => `container.mirrors.${key}`).join(" and ")}: missing, and an instance in China hardly reaches Docker Hub and conda.anaconda.org`,
    "name mirrors that can be reached there (README, China), or a ready image with container.image; to try the public ones all the same, name those",
  );
}
