import {
  paginateDescribeRouteTables,
  paginateDescribeVpcEndpoints,
  type Route,
  type RouteTable,
  type Subnet,
  type VpcEndpoint,
} from "@aws-sdk/client-ec2";
import { ConfigError } from "../engine/errors.ts";
import type { Cloud } from "./clients.ts";
import { unlessDenied } from "./errors.ts";
import { listed } from "./pages.ts";

/** How machines in a VPC's subnets reach what lies outside; undefined where one may not look. */
export type Routes = readonly RouteTable[] | undefined;

export function routesIn({ ec2 }: Cloud, vpcId: string): Promise<Routes> {
  const pages = paginateDescribeRouteTables({ client: ec2 }, inVpc(vpcId));
  return unlessDenied(listed(pages, ({ RouteTables }) => RouteTables));
}

export function hasWayOut(routes: Routes, subnet: Subnet): boolean {
  return routes === undefined || whyNoWayOut(routes, subnet) === undefined;
}

/** What builders and nodes talk to, by the last part of an endpoint's service name; of two on one line either will do. */
const NEEDED: readonly (readonly string[])[] = [
  ["ssm"],
  ["ssmmessages", "ec2messages"],
  ["ecr.api"],
  ["ecr.dkr"],
  ["ecs"],
  ["ecs-agent"],
  ["ecs-telemetry"],
  ["logs"],
  ["s3"],
];

/**
 * Refuses a subnet from which neither a route nor the VPC's endpoints lead to the services that machines there need.
 * Resolves to a warning where they are reached only if a private hosted zone has their names: which AWS does not tell here.
 */
export async function demandWayOut(cloud: Cloud, routes: Routes, subnet: Subnet): Promise<string | undefined> {
  const why = routes && whyNoWayOut(routes, subnet);
  if (why === undefined || leadsElsewhere(tableOf(routes!, subnet))) return undefined;
  const endpoints = await endpointsOf(cloud, subnet.VpcId!);
  if (endpoints === undefined) return undefined;
  const { RouteTableId = "" } = tableOf(routes!, subnet) ?? {};
  const leading = endpoints.filter(
    ({ VpcEndpointType, State, RouteTableIds = [] }) =>
      /^(pending|available)$/i.test(State ?? "") &&
      (VpcEndpointType !== "Gateway" || RouteTableIds.includes(RouteTableId)),
  );
  const missing = servedByNone(leading);
  if (missing.length > 0) {
    throw new ConfigError(
      `subnet ${subnet.SubnetId} has no way out: ${why}; and ${subnet.VpcId} has no endpoint for ${missing.join(", ")}`,
      "name a subnet with public addresses or a NAT gateway (network.subnetId, compute.subnetIds), or make the endpoints",
    );
  }
  const nameless = servedByNone(
    leading.filter(({ VpcEndpointType, PrivateDnsEnabled }) => VpcEndpointType === "Gateway" || PrivateDnsEnabled),
  );
  if (nameless.length === 0) return undefined;
  return `${subnet.VpcId} has endpoints without private DNS for ${nameless.join(", ")}: unless a private hosted zone of yours has their names, no machine in ${subnet.SubnetId} is ever heard of`;
}

function servedByNone(endpoints: readonly VpcEndpoint[]): string[] {
  const serves = (service: string) => endpoints.some(({ ServiceName }) => ServiceName?.endsWith(`.${service}`));
  return NEEDED.filter((services) => !services.some(serves)).map((services) => services.join(" or "));
}

function whyNoWayOut(routes: readonly RouteTable[], subnet: Subnet): string | undefined {
  const table = tableOf(routes, subnet);
  if (!table) return "no route table is to be seen for it";
  const out = (table.Routes ?? []).filter(
    ({ DestinationCidrBlock, State }) => /\/[01]$/.test(DestinationCidrBlock ?? "") && State !== "blackhole",
  );
  const isPublic = ({ GatewayId }: Route) => GatewayId?.startsWith("igw-") ?? false;
  if (out.some((route) => !isPublic(route) || subnet.MapPublicIpOnLaunch)) return undefined;
  const [gateway] = out;
  return gateway
    ? `${table.RouteTableId} leads to ${gateway.GatewayId}, and machines there get no public address`
    : `${table.RouteTableId} has no route to 0.0.0.0/0 that leads anywhere`;
}

/**
 * A network may have its endpoints in one place for all its VPCs, whose names a private zone of its own leads to: behind
 * such a route nothing can be told.
 */
function leadsElsewhere(table: RouteTable | undefined): boolean {
  return (table?.Routes ?? []).some(
    ({ State, TransitGatewayId, VpcPeeringConnectionId, GatewayId }) =>
      State !== "blackhole" && (TransitGatewayId ?? VpcPeeringConnectionId ?? GatewayId?.match(/^vgw-/)),
  );
}

/** A subnet without a table of its own goes by its VPC's main one. */
function tableOf(routes: readonly RouteTable[], { SubnetId, VpcId }: Subnet): RouteTable | undefined {
  const ofVpc = routes.filter((table) => table.VpcId === VpcId);
  return (
    ofVpc.find(({ Associations }) => Associations?.some((one) => one.SubnetId === SubnetId)) ??
    ofVpc.find(({ Associations }) => Associations?.some(({ Main }) => Main))
  );
}

function endpointsOf({ ec2 }: Cloud, vpcId: string): Promise<VpcEndpoint[] | undefined> {
  const pages = paginateDescribeVpcEndpoints({ client: ec2 }, inVpc(vpcId));
  return unlessDenied(listed(pages, ({ VpcEndpoints }) => VpcEndpoints));
}

function inVpc(vpcId: string) {
  return { Filters: [{ Name: "vpc-id", Values: [vpcId] }] };
}
