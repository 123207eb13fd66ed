import { CreateServiceLinkedRoleCommand, GetRoleCommand } from "@aws-sdk/client-iam";
import type { Cloud } from "../aws/clients.ts";
import { orNothing, unless } from "../aws/errors.ts";
import { fromTags, tagRecord } from "../aws/tags.ts";
import type { Step } from "../engine/step.ts";

export interface ServiceLinkedRoleInputs {
  /** Whose it is: batch.amazonaws.com. */
  readonly service: string;
  /** AWS's own name for it: AWSServiceRoleForBatch. */
  readonly roleName: string;
}

export interface ServiceLinkedRoleOutput {
  readonly arn: string;
  readonly roleName: string;
}

/** The account's one role for a service, made where it is missing; others use it too, so it is never removed. */
export const serviceLinkedRole: Step<ServiceLinkedRoleInputs, ServiceLinkedRoleOutput, unknown, Cloud> = {
  kind: "service-linked-role",
  naming: "shared",
  pace: { expectMs: 0, everyMs: 2_000, timeoutMs: 5 * 60_000 },

  async find(context) {
    const { cloud, inputs, known = {} } = context;
    if (!inputs) return [];
    // The name on record is the one that AWS answered when it was made.
    const [roleName = inputs.roleName] = Object.keys(known);
    const answer = await orNothing(cloud.iam.send(new GetRoleCommand({ RoleName: roleName })));
    const live = answer?.Role;
    if (!live) return [];
    return [
      {
        ref: live.RoleName!,
        ...fromTags(context, tagRecord(live.Tags)),
        state: "ready",
        createdAt: live.CreateDate,
        output: { arn: live.Arn!, roleName: live.RoleName! },
        drift: [],
      },
    ];
  },

  async create({ cloud, inputs }) {
    // CreateServiceLinkedRole takes neither a name nor tags, and an account has one for each service.
    const answer = await cloud.iam
      .send(new CreateServiceLinkedRoleCommand({ AWSServiceName: inputs.service }))
      .catch(unless("exists"));
    return answer?.Role?.RoleName ?? inputs.roleName;
  },
};
