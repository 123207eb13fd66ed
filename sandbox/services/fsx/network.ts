import { type Call, Refusal } from "../../service.ts";
import { contains } from "../ec2/cidr.ts";
import { securityGroups, subnets } from "../ec2/kinds.ts";
import { rulesOf } from "../ec2/rules.ts";
import type { Rule, Subnet } from "../ec2/slice.ts";

/** What Lustre's servers and clients talk on. */
const LNET_PORTS: readonly (readonly [from: number, to: number])[] = [
  [988, 988],
  [1018, 1023],
];

export interface Place {
  readonly subnet: Subnet;
  readonly groupIds: readonly string[];
}

/** The subnet and groups of a new file system; refuses those that do not exist or keep Lustre's servers apart. */
export function placeOf(
  call: Call,
  subnetIds: readonly string[],
  groupIds: readonly string[] | undefined,
  efa: boolean,
): Place {
  if (subnetIds.length !== 1)
    throw new Refusal("BadRequest", "Exactly one subnet ID must be specified for this file system.");
  const subnetId = subnetIds[0]!;
  const found = subnets.find(call, subnetId);
  if (found === undefined) {
    throw refusal(`The subnet ID '${subnetId}' does not exist`, { InvalidSubnetId: subnetId });
  }
  const groups = groupIds && groupIds.length > 0 ? groupIds : [defaultGroupOf(call, found.vpcId)];
  for (const id of groups) {
    if (securityGroups.find(call, id)?.vpcId !== found.vpcId) {
      throw refusal(`The security group ID '${id}' does not exist in VPC '${found.vpcId}'`, {
        InvalidSecurityGroupId: id,
      });
    }
  }
  const rules = groups.flatMap((id) => rulesOf(call, id)).filter(({ visibleFrom }) => visibleFrom <= call.now);
  const within = rules.filter((rule) => reaches(rule, groups, found));
  const closed = efa ? (allOpen(within) ? undefined : "all ports") : closedPorts(within);
  if (closed !== undefined) {
    throw refusal(
      "The file system cannot be created because the default network security group in the subnet provided or the " +
        `provided security groups do not permit Lustre LNET network traffic on ${closed}`,
      { InvalidSecurityGroupId: groups[0] },
    );
  }
  return { subnet: found, groupIds: groups };
}

function closedPorts(rules: readonly Rule[]): string | undefined {
  for (const [from, to] of LNET_PORTS) {
    for (let port = from; port <= to; port++) {
      const open = (egress: boolean) => rules.some((rule) => rule.egress === egress && admits(rule, port));
      if (!open(true) || !open(false)) return from === to ? `port ${from}` : `ports ${from}-${to}`;
    }
  }
  return undefined;
}

function allOpen(rules: readonly Rule[]): boolean {
  const open = (egress: boolean) => rules.some((rule) => rule.egress === egress && rule.protocol === "-1");
  return open(true) && open(false);
}

function admits({ protocol, from, to }: Rule, port: number): boolean {
  if (protocol === "-1") return true;
  return (protocol === "tcp" || protocol === "6") && (from === -1 || (from <= port && port <= to));
}

/** Whether a rule covers the file system's own servers: by one of its groups, or by the whole subnet. */
function reaches({ peer }: Rule, groupIds: readonly string[], { cidr }: Subnet): boolean {
  if (peer.kind === "group") return groupIds.includes(peer.value);
  return peer.kind === "cidr" && contains(peer.value, cidr);
}

function defaultGroupOf(call: Call, vpcId: string): string {
  return securityGroups.all(call).find((group) => group.vpcId === vpcId && group.name === "default")?.id ?? "";
}

function refusal(message: string, members: Readonly<Record<string, unknown>>): Refusal {
  return new Refusal("InvalidNetworkSettings", message, 400, members);
}
