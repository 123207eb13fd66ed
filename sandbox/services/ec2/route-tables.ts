import type {
  CreateRouteCommandInput,
  Route,
  RouteTableAssociation,
  RouteTable as ShownRouteTable,
} from "@aws-sdk/client-ec2";
import { type Call, Refusal } from "../../service.ts";
import { isCidr } from "./cidr.ts";
import { endpoints, internetGateways, natGateways, routeTables, subnets, vpcs } from "./kinds.ts";
import { listed, notFound } from "./listing.ts";
import { prefixListId, serviceOf } from "./service-names.ts";
import type { Ec2Operations, RouteTable, Subnet } from "./slice.ts";
import { setTags, specifiedTags, tagListOf } from "./tags.ts";

/** The table that says where a subnet's traffic goes. */
export function routeTableOf(call: Call, { id, vpcId }: Subnet): RouteTable {
  const tables = routeTables.all(call).filter((table) => table.vpcId === vpcId);
  return tables.find(({ associations }) => id in associations) ?? tables.find(({ main }) => main)!;
}

/** Whether traffic sent there is dropped: its gateway is gone. */
export function isBlackhole(call: Call, { vpcId }: RouteTable, target: string): boolean {
  if (target.startsWith("igw-")) return internetGateways.find(call, target)?.vpcId !== vpcId;
  return target.startsWith("nat-") && natGateways.find(call, target)?.state !== "available";
}

export const routeTableOperations = {
  DescribeRouteTables(input, call) {
    const all = routeTables.chosen(call, input.RouteTableIds);
    const routed = (table: RouteTable, member: keyof Route) => routesOf(call, table).map((route) => route[member]);
    const { items, nextToken } = listed(call, input, all, {
      "association.main": (table) => associationsOf(table).map(({ Main }) => Main),
      "association.route-table-association-id": (table) =>
        associationsOf(table).map(({ RouteTableAssociationId }) => RouteTableAssociationId),
      "association.route-table-id": ({ id }) => id,
      "association.subnet-id": ({ associations }) => Object.keys(associations),
      "owner-id": () => call.account,
      "route-table-id": ({ id }) => id,
      "route.destination-cidr-block": (table) => routed(table, "DestinationCidrBlock"),
      "route.gateway-id": (table) => routed(table, "GatewayId"),
      "route.nat-gateway-id": (table) => routed(table, "NatGatewayId"),
      "route.state": (table) => routed(table, "State"),
      "route.transit-gateway-id": (table) => routed(table, "TransitGatewayId"),
      "vpc-id": ({ vpcId }) => vpcId,
    });
    return { RouteTables: items.map((table) => shown(call, table)), NextToken: nextToken };
  },

  CreateRouteTable(input, call) {
    const { id: vpcId } = vpcs.get(call, input.VpcId);
    const tags = specifiedTags(input.TagSpecifications, ["route-table"])("route-table");
    const id = call.id("rtb-");
    const table = routeTables.add(call, id, { id, vpcId, main: false, associations: {}, routes: {} });
    setTags(call, id, tags);
    return { RouteTable: shown(call, table) };
  },

  DeleteRouteTable({ RouteTableId }, call) {
    const { id, main, associations } = routeTables.get(call, RouteTableId);
    if (main || Object.keys(associations).length > 0) {
      throw new Refusal("DependencyViolation", `The routeTable '${id}' has dependencies and cannot be deleted.`);
    }
    routeTables.remove(call, id);
  },

  AssociateRouteTable({ RouteTableId, SubnetId = "" }, call) {
    const table = routeTables.get(call, RouteTableId);
    const { vpcId } = subnets.get(call, SubnetId);
    if (vpcId !== table.vpcId) {
      const words = `Route table ${table.id} and subnet ${SubnetId} belong to different networks`;
      throw new Refusal("InvalidParameterValue", words);
    }
    if (routeTables.all(call).some(({ associations }) => SubnetId in associations)) {
      const words = `the specified association for route table ${table.id} conflicts with an existing association`;
      throw new Refusal("Resource.AlreadyAssociated", words);
    }
    const id = call.id("rtbassoc-");
    table.associations[SubnetId] = id;
    return { AssociationId: id, AssociationState: { State: "associated" } };
  },

  DisassociateRouteTable({ AssociationId = "" }, call) {
    for (const table of routeTables.all(call)) {
      const [subnetId] = Object.entries(table.associations).find(([, id]) => id === AssociationId) ?? [];
      if (subnetId !== undefined) {
        delete table.associations[subnetId];
        return;
      }
      if (mainAssociationId(table) === AssociationId && table.main) {
        const words = `cannot disassociate the main route table association ${AssociationId}`;
        throw new Refusal("InvalidParameterValue", words);
      }
    }
    throw notFound("InvalidAssociationID.NotFound", "association ID")([AssociationId]);
  },

  CreateRoute(input, call) {
    const table = routeTables.get(call, input.RouteTableId);
    const destination = destinationOf(input.DestinationCidrBlock);
    if (destination in table.routes || destination === vpcs.find(call, table.vpcId)?.cidr) {
      throw new Refusal("RouteAlreadyExists", `The route identified by ${destination} already exists.`);
    }
    table.routes[destination] = targetOf(call, table, input);
    return { Return: true };
  },

  ReplaceRoute(input, call) {
    const table = routeTables.get(call, input.RouteTableId);
    const destination = destinationOf(input.DestinationCidrBlock);
    mustRoute(table, destination);
    table.routes[destination] = targetOf(call, table, input);
  },

  DeleteRoute(input, call) {
    const table = routeTables.get(call, input.RouteTableId);
    const destination = destinationOf(input.DestinationCidrBlock);
    mustRoute(table, destination);
    delete table.routes[destination];
  },
} satisfies Ec2Operations;

function mustRoute({ id, routes }: RouteTable, destination: string): void {
  if (destination in routes) return;
  const words = `no route with destination-cidr-block ${destination} in route table ${id}`;
  throw new Refusal("InvalidRoute.NotFound", words);
}

function destinationOf(cidr: string | undefined): string {
  if (cidr === undefined) {
    throw new Refusal("MissingParameter", "The request must contain the parameter destinationCidrBlock");
  }
  if (isCidr(cidr)) return cidr;
  const words = `Value (${cidr}) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.`;
  throw new Refusal("InvalidParameterValue", words);
}

/** What a route may lead to beside gateways of the sandbox's own; those are somebody else's, and known by id only. */
const FOREIGN = ["TransitGatewayId", "NetworkInterfaceId", "VpcPeeringConnectionId", "VpcEndpointId"] as const;

function targetOf(call: Call, { id, vpcId }: RouteTable, input: CreateRouteCommandInput): string {
  const { GatewayId, NatGatewayId } = input;
  if (GatewayId?.startsWith("vgw-")) return GatewayId;
  if (GatewayId !== undefined) {
    if (internetGateways.get(call, GatewayId).vpcId === vpcId) return GatewayId;
    const words = `route table ${id} and network gateway ${GatewayId} belong to different networks`;
    throw new Refusal("InvalidParameterValue", words);
  }
  if (NatGatewayId !== undefined) {
    if (natGateways.find(call, NatGatewayId)?.state === "available") return NatGatewayId;
    throw notFound("InvalidNatGatewayID.NotFound", "natGateway ID")([NatGatewayId]);
  }
  const foreign = FOREIGN.map((member) => input[member]).find((target) => target !== undefined);
  if (foreign !== undefined) return foreign;
  throw new Refusal("MissingParameter", "The request must contain the parameter gatewayId or natGatewayId");
}

const MEMBERS: Readonly<Record<string, keyof Route>> = {
  eni: "NetworkInterfaceId",
  nat: "NatGatewayId",
  pcx: "VpcPeeringConnectionId",
  tgw: "TransitGatewayId",
};

function routesOf(call: Call, table: RouteTable): Route[] {
  const local = vpcs.get(call, table.vpcId).cidr;
  const services = endpoints.all(call).filter(({ routeTableIds }) => routeTableIds.includes(table.id));
  return [
    { DestinationCidrBlock: local, GatewayId: "local", Origin: "CreateRouteTable", State: "active" },
    ...Object.entries(table.routes).map(([destination, target]): Route => {
      const member = MEMBERS[target.split("-", 1)[0]!] ?? "GatewayId";
      const State = isBlackhole(call, table, target) ? "blackhole" : "active";
      return { DestinationCidrBlock: destination, [member]: target, Origin: "CreateRoute", State };
    }),
    ...services.map(({ id, service }): Route => {
      const DestinationPrefixListId = prefixListId(call, serviceOf(call, service)!);
      return { DestinationPrefixListId, GatewayId: id, Origin: "CreateRoute", State: "active" };
    }),
  ];
}

function mainAssociationId({ id }: RouteTable): string {
  return `rtbassoc-${id.slice("rtb-".length)}`;
}

function associationsOf(table: RouteTable): RouteTableAssociation[] {
  const common = { RouteTableId: table.id, AssociationState: { State: "associated" as const } };
  return [
    ...(table.main ? [{ ...common, Main: true, RouteTableAssociationId: mainAssociationId(table) }] : []),
    ...Object.entries(table.associations).map(([SubnetId, id]) => {
      return { ...common, Main: false, RouteTableAssociationId: id, SubnetId };
    }),
  ];
}

function shown(call: Call, table: RouteTable): ShownRouteTable {
  return {
    RouteTableId: table.id,
    VpcId: table.vpcId,
    OwnerId: call.account,
    Associations: associationsOf(table),
    PropagatingVgws: [],
    Routes: routesOf(call, table),
    Tags: tagListOf(call, table.id),
  };
}
