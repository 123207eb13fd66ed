import type { Call } from "../../service.ts";
import { contains } from "./cidr.ts";
import { isBlackhole, routeTableOf } from "./route-tables.ts";
import { rulesOf } from "./rules.ts";
import { prefixListId, type ServiceName, serviceOf } from "./service-names.ts";
import { ec2Slice, type Rule, type VpcEndpoint } from "./slice.ts";

const EVERYWHERE = "0.0.0.0/0";
const HTTPS = 443;

/** What stands in a subnet and talks: an instance, or an interface. */
interface Machine {
  readonly subnetId: string;
  readonly groupIds: readonly string[];
  readonly privateIp: string;
  readonly publicIp?: string | undefined;
}

/** Whether a machine can talk to each of these services: out of its VPC, or through endpoints of the VPC. */
export function reaches(call: Call, machine: Machine, services: readonly ServiceName[]): boolean {
  return services.every((service) => reachesService(call, machine, service));
}

/** Whether it can talk to any address outside: by its groups' rules, its subnet's routes, and an address of its own. */
export function reachesInternet(call: Call, machine: Machine): boolean {
  return (
    isLetOut(call, machine, ({ kind, value }) => kind === "cidr" && contains(value, EVERYWHERE)) &&
    hasWayOut(call, machine)
  );
}

/** Where a service's clients call it. */
export function endpointOf({ region, dnsSuffix }: Call, service: string): string {
  return `https://${service}.${region}.${dnsSuffix}/`;
}

function reachesService(call: Call, machine: Machine, service: ServiceName): boolean {
  const { endpoints, interfaces, subnets } = ec2Slice(call);
  const place = subnets[machine.subnetId];
  if (place === undefined) return false;
  const table = routeTableOf(call, place);
  const there = Object.values(endpoints).filter(
    (each) => each.vpcId === place.vpcId && each.state === "available" && serviceOf(call, each.service) === service,
  );
  // Its usual name leads to the endpoint then, and nowhere else.
  const named = there.find(({ privateDns }) => privateDns);
  if (named !== undefined) return named.interfaceIds.some((id) => talks(call, machine, interfaces[id]!));
  const gateway = (each: VpcEndpoint) => each.routeTableIds.includes(table.id);
  if (!there.some(gateway)) return reachesInternet(call, machine);
  return isLetOut(call, machine, ({ kind, value }) => {
    return kind === "prefixList"
      ? value === prefixListId(call, service)
      : kind === "cidr" && contains(value, EVERYWHERE);
  });
}

function hasWayOut(call: Call, { subnetId, publicIp }: Machine): boolean {
  const { natGateways, interfaces, subnets } = ec2Slice(call);
  const place = subnets[subnetId];
  if (place === undefined) return false;
  const table = routeTableOf(call, place);
  const target = table.routes[EVERYWHERE];
  if (target === undefined || isBlackhole(call, table, target)) return false;
  if (target.startsWith("igw-")) return publicIp !== undefined;
  // A peered VPC does not pass on what is for others.
  if (!target.startsWith("nat-")) return !target.startsWith("pcx-");
  const outside = interfaces[natGateways[target]!.interfaceId];
  return outside !== undefined && outside.subnetId !== subnetId && hasWayOut(call, outside);
}

function talks(call: Call, from: Machine, to: Machine): boolean {
  return (
    isLetOut(call, from, (peer) => isPeer(peer, to)) &&
    openRules(call, to, false).some(({ peer }) => isPeer(peer, from))
  );
}

function isPeer({ kind, value }: Rule["peer"], { groupIds, privateIp }: Machine): boolean {
  return kind === "group" ? groupIds.includes(value) : kind === "cidr" && contains(value, `${privateIp}/32`);
}

function isLetOut(call: Call, machine: Machine, admits: (peer: Rule["peer"]) => boolean): boolean {
  return openRules(call, machine, true).some(({ peer }) => admits(peer));
}

function openRules(call: Call, { groupIds }: Machine, egress: boolean): readonly Rule[] {
  const rules = groupIds.flatMap((id) => rulesOf(call, id));
  return rules.filter(
    ({ protocol, from, to, ...rule }) =>
      rule.egress === egress &&
      (protocol === "-1" || (protocol === "tcp" && (from === -1 || (from <= HTTPS && HTTPS <= to)))),
  );
}
