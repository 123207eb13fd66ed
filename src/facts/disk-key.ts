import { chosenDiskKey } from "../aws/disk-key.ts";
import type { PlannedNode } from "../engine/events.ts";
import { usesSpot } from "../environment/compute.ts";
import type { Scope } from "./read-facts.ts";
import { willMake } from "./will-make.ts";

/**
 * What to say before an image is baked, and nobody says afterwards: a builder's root, and so the image, is encrypted under the
 * account's key for disks, and machines start from it only under roles that may use that key.
 */
export async function diskKeyWarning(
  { cloud, config, identity }: Pick<Scope, "cloud" | "config" | "identity">,
  { nodes }: { readonly nodes: readonly PlannedNode[] },
): Promise<string | undefined> {
  if (!willMake(nodes, "ami")) return undefined;
  const key = await chosenDiskKey(cloud);
  if (key === undefined) return undefined;
  const own = `arn:${identity.partition}:iam::${identity.account}:role/aws-service-role`;
  const roles = [
    `${own}/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling`,
    ...(usesSpot(config) ? [`${own}/spot.amazonaws.com/AWSServiceRoleForEC2Spot`] : []),
  ];
  return [
    `this account encrypts disks with ${key} where no other key is named, so the machine image will be encrypted with it.`,
    "If that is a key of your own, its policy must let these roles use it, or no node ever starts and jobs stay RUNNABLE:",
    ...roles.map((role) => `  ${role}`),
    "(kms:Encrypt, Decrypt, ReEncrypt*, GenerateDataKey*, DescribeKey and CreateGrant: README, A first real environment)",
  ].join("\n");
}
