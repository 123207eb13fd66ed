import type { AuthorizeSecurityGroupIngressCommandInput, IpPermission, SecurityGroupRule } from "@aws-sdk/client-ec2";
import { type Call, Refusal } from "../../service.ts";
import { arnOf } from "./arn.ts";
import { mustFindGroup } from "./group-lookup.ts";
import { rules } from "./kinds.ts";
import type { Rule } from "./slice.ts";
import { tagListOf } from "./tags.ts";

/** How long other services may take to see a new rule. */
const RULE_SEEN_MS = [3_000, 30_000] as const;

type WantedRule = Pick<Rule, "protocol" | "from" | "to" | "peer" | "description">;

/** A group's rules; `visibleFrom` says when FSx's validator sees them. Ports are -1 for every port. */
export function rulesOf(call: Call, groupId: string): readonly Rule[] {
  return rules.all(call).filter((rule) => rule.groupId === groupId);
}

export function addRule(call: Call, groupId: string, egress: boolean, wanted: WantedRule): Rule {
  const id = call.id("sgr-");
  const visibleFrom = call.now + call.between(...RULE_SEEN_MS);
  return rules.add(call, id, { id, groupId, egress, ...wanted, addedAt: call.now, visibleFrom });
}

/** One rule for each peer, from IpPermissions or from the older members beside them. */
export function wantedRules(input: AuthorizeSecurityGroupIngressCommandInput, call: Call): WantedRule[] {
  const { IpProtocol, FromPort, ToPort, CidrIp, SourceSecurityGroupName } = input;
  const plain: IpPermission[] =
    IpProtocol === undefined && CidrIp === undefined && SourceSecurityGroupName === undefined
      ? []
      : [
          {
            IpProtocol,
            FromPort,
            ToPort,
            IpRanges: CidrIp === undefined ? [] : [{ CidrIp }],
            UserIdGroupPairs: SourceSecurityGroupName === undefined ? [] : [{ GroupName: SourceSecurityGroupName }],
          },
        ];
  const wanted = [...(input.IpPermissions ?? []), ...plain].flatMap((permission) => expand(permission, call));
  if (wanted.length === 0)
    throw new Refusal("MissingParameter", "The request must contain the parameter ipPermissions");
  return wanted;
}

const PROTOCOLS: Readonly<Record<string, string>> = { "6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6" };

function expand(permission: IpPermission, call: Call): WantedRule[] {
  const { IpProtocol, IpRanges = [], Ipv6Ranges = [], PrefixListIds = [], UserIdGroupPairs = [] } = permission;
  const protocol = PROTOCOLS[IpProtocol ?? ""] ?? IpProtocol?.toLowerCase();
  if (protocol === undefined)
    throw new Refusal("MissingParameter", "The request must contain the parameter ipProtocol");
  if (!/^(-1|tcp|udp|icmp|icmpv6|\d{1,3})$/.test(protocol)) {
    const words = `Invalid value '${IpProtocol}' for IP protocol. Unknown protocol.`;
    throw new Refusal("InvalidParameterValue", words);
  }
  const all = protocol === "-1";
  const from = all ? -1 : (permission.FromPort ?? -1);
  const to = all ? -1 : (permission.ToPort ?? -1);
  if (protocol === "tcp" || protocol === "udp") {
    if (from < 0 || to > 65_535 || from > to) {
      throw new Refusal(
        "InvalidParameterValue",
        `Invalid value for portRange. Must specify both from and to ports with ${protocol.toUpperCase()}.`,
      );
    }
  }
  for (const { CidrIp = "" } of IpRanges) {
    if (!/^(\d{1,3}\.){3}\d{1,3}\/([0-9]|[12]\d|3[0-2])$/.test(CidrIp)) {
      throw new Refusal("InvalidParameterValue", `CIDR block ${CidrIp} is malformed`);
    }
  }
  const peers: readonly (Pick<Rule, "peer"> & { description?: string | undefined })[] = [
    ...IpRanges.map((range) => ({
      peer: { kind: "cidr", value: range.CidrIp ?? "" } as const,
      description: range.Description,
    })),
    ...Ipv6Ranges.map((range) => ({
      peer: { kind: "cidr6", value: range.CidrIpv6 ?? "" } as const,
      description: range.Description,
    })),
    ...PrefixListIds.map((list) => ({
      peer: { kind: "prefixList", value: list.PrefixListId ?? "" } as const,
      description: list.Description,
    })),
    ...UserIdGroupPairs.map((pair) => ({
      peer: { kind: "group", value: mustFindGroup(call, pair.GroupId, pair.GroupName).id } as const,
      description: pair.Description,
    })),
  ];
  return peers.map(({ peer, description }) => ({ protocol, from, to, peer, description }));
}

export function sameRule(a: WantedRule, b: WantedRule): boolean {
  return (
    a.protocol === b.protocol &&
    a.from === b.from &&
    a.to === b.to &&
    a.peer.kind === b.peer.kind &&
    a.peer.value === b.peer.value
  );
}

export function ruleWords({ protocol, from, to, peer }: WantedRule): string {
  const ports = protocol === "-1" ? "ALL" : `${protocol.toUpperCase()}, from port: ${from}, to port: ${to}`;
  return `peer: ${peer.value}, ${ports}, ALLOW`;
}

/** As AWS groups them: one permission for each protocol and port range, its peers inside, in no order. */
export function permissionsOf(call: Call, rules: readonly Rule[]): IpPermission[] {
  const byPorts = new Map<string, Rule[]>();
  for (const rule of rules) {
    const ports = `${rule.protocol} ${rule.from} ${rule.to}`;
    byPorts.set(ports, [...(byPorts.get(ports) ?? []), rule]);
  }
  return call.shuffled([...byPorts.values()]).map((together) => {
    const { protocol, from, to } = together[0]!;
    const of = (kind: Rule["peer"]["kind"]) => call.shuffled(together.filter(({ peer }) => peer.kind === kind));
    return {
      IpProtocol: protocol,
      ...(protocol !== "-1" && { FromPort: from, ToPort: to }),
      IpRanges: of("cidr").map(({ peer, description }) => ({ CidrIp: peer.value, Description: description })),
      Ipv6Ranges: of("cidr6").map(({ peer, description }) => ({ CidrIpv6: peer.value, Description: description })),
      PrefixListIds: of("prefixList").map(({ peer, description }) => ({
        PrefixListId: peer.value,
        Description: description,
      })),
      UserIdGroupPairs: of("group").map(({ peer, description }) => ({
        GroupId: peer.value,
        UserId: call.account,
        Description: description,
      })),
    };
  });
}

export function describedRule(
  call: Call,
  { id, groupId, egress, protocol, from, to, peer, description }: Rule,
): SecurityGroupRule {
  return {
    SecurityGroupRuleId: id,
    SecurityGroupRuleArn: arnOf(call, "security-group-rule", id),
    GroupId: groupId,
    GroupOwnerId: call.account,
    IsEgress: egress,
    IpProtocol: protocol,
    FromPort: from,
    ToPort: to,
    CidrIpv4: peer.kind === "cidr" ? peer.value : undefined,
    CidrIpv6: peer.kind === "cidr6" ? peer.value : undefined,
    PrefixListId: peer.kind === "prefixList" ? peer.value : undefined,
    ReferencedGroupInfo: peer.kind === "group" ? { GroupId: peer.value, UserId: call.account } : undefined,
    Description: description,
    Tags: tagListOf(call, id),
  };
}
