import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  CreateTagsCommand,
  DeleteSecurityGroupCommand,
  type IpPermission,
  paginateDescribeSecurityGroups,
  RevokeSecurityGroupIngressCommand,
  type SecurityGroup,
} from "@aws-sdk/client-ec2";
import type { Cloud } from "../aws/clients.ts";
import { driftOf } from "../aws/drift.ts";
import { orNothing, unless } from "../aws/errors.ts";
import { fingerprintTags, fromTags, tagFilters, tagList, tagRecord, tagsOf, uniqueName } from "../aws/tags.ts";
import type { Found, Step } from "../engine/step.ts";

/** First and last port, both open. */
export type PortRange = readonly [from: number, to: number];

export interface SecurityGroupInputs {
  readonly vpcId: string;
  /** TCP port ranges that members open to each other; nothing else comes in. */
  readonly selfTcp: readonly PortRange[];
}

export interface SecurityGroupOutput {
  readonly groupId: string;
  readonly vpcId: string;
  readonly selfTcp: readonly PortRange[];
}

/** Lets its members reach each other on the given ports and everything outside; lets nobody in. */
export const securityGroup: Step<SecurityGroupInputs, SecurityGroupOutput, unknown, Cloud> = {
  kind: "security-group",
  repeatable: true,
  pace: { expectMs: 0, everyMs: 2_000, timeoutMs: 15 * 60_000 },

  fixed: ({ vpcId }) => ({ vpcId }),

  async find(context) {
    const { cloud, inputs } = context;
    const found: Found<SecurityGroupOutput>[] = [];
    for await (const page of paginateDescribeSecurityGroups({ client: cloud.ec2 }, { Filters: tagFilters(context) })) {
      for (const group of page.SecurityGroups ?? []) {
        const groupId = group.GroupId!;
        const selfTcp = selfRanges(group);
        found.push({
          ref: groupId,
          ...fromTags(context, tagRecord(group.Tags)),
          state: "ready",
          output: { groupId, vpcId: group.VpcId!, selfTcp },
          drift: inputs && driftOf({ "self rules": rangesText(inputs.selfTcp) }, { "self rules": rangesText(selfTcp) }),
        });
      }
    }
    return found;
  },

  async create(context) {
    const { cloud, inputs, name, node } = context;
    const { GroupId } = await cloud.ec2.send(
      new CreateSecurityGroupCommand({
        GroupName: uniqueName(context),
        Description: `${name} ${node}: members reach each other, nobody else comes in`,
        VpcId: inputs.vpcId,
        TagSpecifications: [{ ResourceType: "security-group", Tags: tagList(tagsOf(context)) }],
      }),
    );
    return GroupId!;
  },

  async update(context, { ref, drift, output }) {
    const { cloud, inputs } = context;
    if (!drift?.length) {
      await cloud.ec2.send(new CreateTagsCommand({ Resources: [ref], Tags: tagList(fingerprintTags(context)) }));
      return;
    }
    const live = output?.selfTcp ?? [];
    // One rule a call: a duplicate fails its whole request, and then stands for "already there".
    for (const rule of inputs.selfTcp.filter((want) => !live.some((have) => sameRange(have, want)))) {
      await cloud.ec2
        .send(new AuthorizeSecurityGroupIngressCommand({ GroupId: ref, IpPermissions: [selfRule(ref, rule)] }))
        .catch(unless("exists"));
    }
    const surplus = live.filter((have) => !inputs.selfTcp.some((want) => sameRange(have, want)));
    if (surplus.length > 0) {
      await cloud.ec2.send(
        new RevokeSecurityGroupIngressCommand({
          GroupId: ref,
          IpPermissions: surplus.map((rule) => selfRule(ref, rule)),
        }),
      );
    }
  },

  async destroy({ cloud }, { ref }) {
    await orNothing(cloud.ec2.send(new DeleteSecurityGroupCommand({ GroupId: ref })));
  },
};

/** TCP ranges that the group opens to itself, as AWS tells them. */
function selfRanges(group: SecurityGroup): PortRange[] {
  return (group.IpPermissions ?? [])
    .filter(({ UserIdGroupPairs }) => UserIdGroupPairs?.some(({ GroupId }) => GroupId === group.GroupId))
    .filter(({ IpProtocol }) => IpProtocol === "tcp")
    .map(({ FromPort, ToPort }) => [FromPort ?? 0, ToPort ?? 0]);
}

function selfRule(groupId: string, [FromPort, ToPort]: PortRange): IpPermission {
  return { IpProtocol: "tcp", FromPort, ToPort, UserIdGroupPairs: [{ GroupId: groupId }] };
}

function sameRange(a: PortRange, b: PortRange): boolean {
  return a[0] === b[0] && a[1] === b[1];
}

function rangesText(ranges: readonly PortRange[]): string {
  return ranges
    .map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`))
    .sort()
    .join(", ");
}
