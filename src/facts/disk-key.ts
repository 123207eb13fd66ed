import { willMake } from "../actions/plan.ts";
import type { Session } from "../actions/session.ts";
import type { Cloud } from "../aws/clients.ts";
import { chosenDiskKey } from "../aws/disk-key.ts";
import type { Plan } from "../engine/engine.ts";

/**
 * Says before an image is baked what nobody says afterwards: a builder's root, and so the image, is encrypted under the
 * account's key for disks, and machines start from it only under roles that may use that key.
 */
export async function warnOfDiskKey(
  { cloud, clock, config: { compute }, identity, view }: Session,
  plan: Pick<Plan<Cloud>, "nodes">,
): Promise<void> {
  if (!willMake(plan, "ami")) return;
  const key = await chosenDiskKey(cloud);
  if (key === undefined) return;
  const own = `arn:${identity.partition}:iam::${identity.account}:role/aws-service-role`;
  const roles = [
    `${own}/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling`,
    ...(compute.purchase.kind === "spot" ? [`${own}/spot.amazonaws.com/AWSServiceRoleForEC2Spot`] : []),
  ];
  const text = [
    `this account encrypts disks with ${key} where no other key is named, so the machine image will be encrypted with it.`,
    "If that is a key of your own, its policy must let these roles use it, or no node ever starts and jobs stay RUNNABLE:",
    ...roles.map((role) => `  ${role}`),
    "(kms:Encrypt, Decrypt, ReEncrypt*, GenerateDataKey*, DescribeKey and CreateGrant: README, A first real environment)",
  ].join("\n");
  view.onEvent({ type: "note", at: clock.now(), text });
}
