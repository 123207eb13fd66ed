import type { FilesystemConfig } from "../config/config.ts";
import { type Handle, placed } from "../engine/graph.ts";
import type { SecurityGroupOutput } from "../steps/security-group.ts";
import type { Scope } from "./scope.ts";

/** What every workload shares: where nodes mount it is their launch template's to say. */
export function disk({ facts }: Scope, config: FilesystemConfig, group: Handle<SecurityGroupOutput>) {
  const { mountPoint: _mountPoint, directories: _directories, ...shape } = config;
  const isNewest = shape.deploymentType === "PERSISTENT_2" && shape.lustreVersion === "2.15";
  const metadataMode = isNewest ? ("AUTOMATIC" as const) : undefined;
  return placed({
    needs: { group },
    inputs: ({ group }) => ({ ...shape, metadataMode, subnetId: facts.subnetId, securityGroupIds: [group.groupId] }),
  });
}
