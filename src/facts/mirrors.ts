import type { Config } from "../config/config.ts";
import { ConfigError } from "../engine/errors.ts";
import type { PlannedNode } from "../engine/events.ts";
import type { Facts } from "../environment/index.ts";
import { willMake } from "./will-make.ts";

/**
 * Refuses an image that an instance in China would have to build from public registries: it would wait for them until
 * its time is up. What a context of one's own needs, nobody knows, and an image that is there needs none.
 */
export function demandMirrors(
  { container, partition }: Pick<Config, "container" | "partition">,
  { build }: Pick<Facts, "build">,
  { nodes }: { readonly nodes: readonly PlannedNode[] },
): void {
  if (partition.id !== "aws-cn" || container.kind === "ready" || build?.builder !== "instance") return;
  if (!willMake(nodes, "container-image")) return;
  const missing = (["baseImage", "conda"] as const).filter((key) => container.mirrors[key] === undefined);
  if (container.context.kind === "folder" || missing.length === 0) return;
  throw new ConfigError(
    `${missing.map((key) => `container.mirrors.${key}`).join(" and ")}: missing, and an instance in China hardly reaches Docker Hub and conda.anaconda.org`,
    "name mirrors that can be reached there (README, China), or a ready image with container.image; to try the public ones all the same, name those",
  );
}
