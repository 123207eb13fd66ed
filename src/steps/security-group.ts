import {
  AuthorizeSecurityGroupEgressCommand,
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  CreateTagsCommand,
  DeleteSecurityGroupCommand,
  DescribeNetworkInterfacesCommand,
  type IpPermission,
  paginateDescribeSecurityGroups,
  RevokeSecurityGroupIngressCommand,
  type SecurityGroup,
} from "@aws-sdk/client-ec2";
import type { Cloud } from "../aws/clients.ts";
import { classify, orNothing, unless } from "../aws/errors.ts";
import { driftOf, type Fields, repair } from "../aws/fields.ts";
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
  /** Rules that let anything else in; there should be none. */
  readonly foreign: readonly IpPermission[];
}

/** Lets its members reach each other on the given ports and everything outside; lets nobody in. */
export const securityGroup: Step<SecurityGroupInputs, SecurityGroupOutput, unknown, Cloud> = {
  kind: "security-group",
  naming: "token",
  // AWS refuses to delete one while the last machine of a compute environment is still ending.
  pace: { expectMs: 0, everyMs: 2_000, timeoutMs: 15 * 60_000, removeTimeoutMs: 30 * 60_000 },

  fixed: ({ vpcId }) => ({ vpcId }),

  async find(context) {
    const { cloud, inputs } = context;
    const found: Found<SecurityGroupOutput>[] = [];
    for await (const page of paginateDescribeSecurityGroups({ client: cloud.ec2 }, { Filters: tagFilters(context) })) {
      for (const group of page.SecurityGroups ?? []) {
        const groupId = group.GroupId!;
        found.push({
          ref: groupId,
          ...fromTags(context, tagRecord(group.Tags)),
          state: "ready",
          output: { groupId, vpcId: group.VpcId!, selfTcp: selfRanges(group), foreign: foreignRules(group) },
          drift: inputs && driftOf(FIELDS, inputs, group),
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

  async stamp(context, { ref }) {
    const Tags = tagList(fingerprintTags(context));
    await context.cloud.ec2.send(new CreateTagsCommand({ Resources: [ref], Tags }));
  },

  update: (context, found) => repair(FIELDS, context, found),

  async destroy({ cloud }, { ref }) {
    await orNothing(cloud.ec2.send(new DeleteSecurityGroupCommand({ GroupId: ref }))).catch(async (error: unknown) => {
      const users = classify(error) === "busy" ? await usersOf(cloud, ref) : [];
      if (error instanceof Error && users.length > 0) error.message += `; it is used by ${users.join(", ")}`;
      throw error;
    });
  },
};

const FIELDS: Fields<SecurityGroupInputs, SecurityGroup, SecurityGroupOutput> = {
  "self rules": {
    want: ({ selfTcp }) => rangesText(selfTcp),
    have: (group) => rangesText(selfRanges(group)),
    async repair({ cloud, inputs: { selfTcp } }, { ref, output }) {
      const live = output?.selfTcp ?? [];
      // One rule a call: a duplicate fails its whole request, and then stands for "already there".
      for (const rule of without(selfTcp, live)) {
        await cloud.ec2
          .send(new AuthorizeSecurityGroupIngressCommand({ GroupId: ref, IpPermissions: [selfRule(ref, rule)] }))
          .catch(unless("exists"));
      }
      const surplus = without(live, selfTcp).map((rule) => selfRule(ref, rule));
      await revoke(cloud, ref, surplus);
    },
  },
  "inbound from outside": {
    want: () => "none",
    have: (group) =>
      foreignRules(group)
        .map((rule) => ruleText(rule, "from"))
        .join(", ") || "none",
    repair: ({ cloud }, { ref, output }) => revoke(cloud, ref, output?.foreign ?? []),
  },
  outbound: {
    want: () => "all",
    have: outbound,
    repair: ({ cloud }, { ref }) =>
      cloud.ec2
        .send(new AuthorizeSecurityGroupEgressCommand({ GroupId: ref, IpPermissions: [ALL_OUT] }))
        .catch(unless("exists")),
  },
};

/** One at a time: one that is gone already, though still shown, fails its whole request. */
async function revoke({ ec2 }: Cloud, GroupId: string, rules: readonly IpPermission[]): Promise<void> {
  for (const rule of rules) {
    await orNothing(ec2.send(new RevokeSecurityGroupIngressCommand({ GroupId, IpPermissions: [rule] })));
  }
}

/** The interfaces in a group, in the words of those who made them; none where one may not look. */
async function usersOf({ ec2 }: Cloud, groupId: string): Promise<string[]> {
  const asked = new DescribeNetworkInterfacesCommand({ Filters: [{ Name: "group-id", Values: [groupId] }] });
  const { NetworkInterfaces = [] } = await ec2.send(asked).catch(() => ({ NetworkInterfaces: [] }));
  const users = NetworkInterfaces.map(
    ({ NetworkInterfaceId, Description, Attachment, RequesterId }) =>
      Attachment?.InstanceId ?? (Description || `${NetworkInterfaceId}${RequesterId ? ` of ${RequesterId}` : ""}`),
  );
  return [...new Set(users)].sort();
}

/** TCP ranges that the group opens to itself, as AWS tells them. */
function selfRanges(group: SecurityGroup): PortRange[] {
  return (group.IpPermissions ?? [])
    .filter(({ UserIdGroupPairs }) => UserIdGroupPairs?.some(({ GroupId }) => GroupId === group.GroupId))
    .filter(({ IpProtocol }) => IpProtocol === "tcp")
    .map(({ FromPort, ToPort }) => [FromPort ?? 0, ToPort ?? 0]);
}

/** What lets in others than members, or members on other protocols; of a mixed rule the part that is not ours to keep. */
function foreignRules({ GroupId, IpPermissions = [] }: SecurityGroup): IpPermission[] {
  return IpPermissions.flatMap((rule) => {
    const ours = rule.IpProtocol === "tcp";
    const groups = (rule.UserIdGroupPairs ?? []).filter((pair) => !(ours && pair.GroupId === GroupId));
    const { IpRanges = [], Ipv6Ranges = [], PrefixListIds = [], UserIdGroupPairs: _groups, ...ports } = rule;
    if (groups.length + IpRanges.length + Ipv6Ranges.length + PrefixListIds.length === 0) return [];
    return [{ ...ports, UserIdGroupPairs: groups, IpRanges, Ipv6Ranges, PrefixListIds }];
  });
}

/** What AWS gives every new group. Without it no agent is heard from, and no node joins. */
const ALL_OUT: IpPermission = { IpProtocol: "-1", IpRanges: [{ CidrIp: "0.0.0.0/0" }] };

/** Beside the rule that lets all out, others open nothing more, and so are nobody's drift. */
function outbound({ IpPermissionsEgress = [] }: SecurityGroup): string {
  const allOut = ({ IpProtocol, IpRanges }: IpPermission) =>
    IpProtocol === "-1" && IpRanges?.some(({ CidrIp }) => CidrIp === "0.0.0.0/0");
  if (IpPermissionsEgress.some(allOut)) return "all";
  return IpPermissionsEgress.map((rule) => ruleText(rule, "to")).join(", ") || "none";
}

function ruleText(
  { IpProtocol, FromPort, ToPort, UserIdGroupPairs, IpRanges, Ipv6Ranges, PrefixListIds }: IpPermission,
  way: "from" | "to",
): string {
  const peers = [
    ...(UserIdGroupPairs ?? []).map(({ GroupId }) => GroupId),
    ...(IpRanges ?? []).map(({ CidrIp }) => CidrIp),
    ...(Ipv6Ranges ?? []).map(({ CidrIpv6 }) => CidrIpv6),
    ...(PrefixListIds ?? []).map(({ PrefixListId }) => PrefixListId),
  ];
  const ports = FromPort === undefined ? "all" : FromPort === ToPort ? `${FromPort}` : `${FromPort}-${ToPort}`;
  return `${IpProtocol === "-1" ? "all" : IpProtocol} ${ports} ${way} ${peers.join(" ")}`;
}

function selfRule(groupId: string, [FromPort, ToPort]: PortRange): IpPermission {
  return { IpProtocol: "tcp", FromPort, ToPort, UserIdGroupPairs: [{ GroupId: groupId }] };
}

function without(ranges: readonly PortRange[], others: readonly PortRange[]): readonly PortRange[] {
  return ranges.filter(([from, to]) => !others.some((other) => other[0] === from && other[1] === to));
}

function rangesText(ranges: readonly PortRange[]): string {
  return ranges
    .map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`))
    .sort()
    .join(", ");
}
