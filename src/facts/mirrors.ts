import { nodeFor } from "../aws/tags.ts";
import type { Config, ContainerConfig } from "../config/config.ts";
import { ConfigError } from "../engine/errors.ts";
import type { PlannedNode } from "../engine/events.ts";
import type { Facts } from "../environment/scope.ts";
import { willMake } from "./will-make.ts";

/**
 * Refuses an image that an instance in China would have to build from public registries: it would wait for them until
 * its time is up. What a context of one's own needs, nobody knows, and an image that is there needs none.
 */
export function demandMirrors(
  { workloads, partition }: Pick<Config, "workloads" | "partition">,
  facts: Pick<Facts, "workloads">,
  { nodes }: { readonly nodes: readonly PlannedNode[] },
): void {
  if (partition.id !== "aws-cn") return;
  for (const { name, suffix, container } of workloads) {
    const isBuilt = facts.workloads[name]?.build?.builder === "instance";
    if (isBuilt && willMake(nodes, nodeFor("container-image", suffix))) demandMirrorsOf(container);
  }
}

function demandMirrorsOf(container: ContainerConfig): void {
  if (container.kind === "ready") return;
  const missing = (["baseImage", "conda"] as const).filter((key) => container.mirrors[key] === undefined);
  if (container.context.kind === "folder" || missing.length === 0) return;
  throw new ConfigError(
    `${missing.map((key) => `container.mirrors.${key}`).join(" and ")}: missing, and an instance in China hardly reaches Docker Hub and conda.anaconda.org`,
    "name mirrors that can be reached there (README, China), or a ready image with container.image; to try the public ones all the same, name those",
  );
}
