import type { VpcEndpoint as ShownEndpoint, State } from "@aws-sdk/client-ec2";
import { type Call, Refusal } from "../../service.ts";
import { groupMissing } from "./group-lookup.ts";
import { attachInterfaces, releaseInterfaces } from "./interfaces.ts";
import { chosen, dateOf, filtered, notFound, paged } from "./listing.ts";
import { mustFindSubnet } from "./network.ts";
import { type ServiceName, serviceOf } from "./service-names.ts";
import { type Ec2Operations, ec2Slice, type VpcEndpoint } from "./slice.ts";
import { setTags, specifiedTags, tagListOf } from "./tags.ts";

const STARTING_MS = [60_000, 180_000] as const;
const DELETING_MS = [20_000, 60_000] as const;

/** By the kind of endpoint that a service has; S3 has both. */
const SERVICES: Readonly<Record<VpcEndpoint["type"], readonly string[]>> = {
  Gateway: ["s3", "dynamodb"] satisfies readonly (ServiceName | "dynamodb")[],
  Interface: [
    ...["ssm", "ssmmessages", "ec2messages", "ecr.api", "ecr.dkr", "ecs", "ecs-agent", "ecs-telemetry", "logs", "s3"],
    ...["batch", "ec2", "fsx", "kms", "monitoring", "sts"],
  ],
};

export function settleEndpoints(call: Call): void {
  const { endpoints, tags } = ec2Slice(call);
  for (const endpoint of Object.values(endpoints)) {
    if (endpoint.nextAt === undefined || endpoint.nextAt > call.now) continue;
    endpoint.nextAt = undefined;
    if (endpoint.state === "pending") {
      endpoint.state = "available";
    } else {
      releaseInterfaces(call, endpoint.interfaceIds);
      delete endpoints[endpoint.id];
      delete tags[endpoint.id];
    }
  }
}

export const endpointOperations = {
  DescribeVpcEndpoints(input, call) {
    const all = chosen(Object.values(ec2Slice(call).endpoints), input.VpcEndpointIds, missing);
    const matching = filtered(call, all, input.Filters, {
      "service-name": ({ service }) => service,
      "vpc-endpoint-id": ({ id }) => id,
      "vpc-endpoint-state": ({ state }) => state,
      "vpc-endpoint-type": ({ type }) => type,
      "vpc-id": ({ vpcId }) => vpcId,
    });
    const { items, nextToken } = paged(call, matching, input, [1, 1000]);
    return { VpcEndpoints: items.map((endpoint) => shown(call, endpoint)), NextToken: nextToken };
  },

  CreateVpcEndpoint(input, call) {
    const slice = ec2Slice(call);
    const { VpcId: vpcId = "", ServiceName: service = "", VpcEndpointType: type = "Gateway" } = input;
    if (!(vpcId in slice.vpcs)) throw missingVpc([vpcId]);
    if ((type !== "Gateway" && type !== "Interface") || !SERVICES[type].includes(serviceOf(call, service) ?? "")) {
      throw new Refusal("InvalidServiceName", `The Vpc Endpoint Service '${service}' does not exist`);
    }
    const tags = specifiedTags(input.TagSpecifications, ["vpc-endpoint"])("vpc-endpoint");
    const privateDns = type === "Interface" && (input.PrivateDnsEnabled ?? true);
    const others = Object.values(slice.endpoints).filter((each) => each.vpcId === vpcId && each.service === service);
    if (privateDns && others.some((each) => each.privateDns)) {
      const words = `private-dns-enabled cannot be set because there is already a conflicting DNS domain for ${service}`;
      throw new Refusal("InvalidParameter", `${words} in the VPC ${vpcId}`);
    }
    const routeTableIds = type === "Gateway" ? (input.RouteTableIds ?? []) : [];
    for (const id of routeTableIds) {
      if (slice.routeTables[id]?.vpcId !== vpcId) throw missingTable([id]);
      if (!others.some((each) => each.routeTableIds.includes(id))) continue;
      throw new Refusal("RouteAlreadyExists", `route table ${id} already has a route with destination-prefix-list-id`);
    }
    const subnetIds = type === "Interface" ? (input.SubnetIds ?? []) : [];
    for (const id of subnetIds) if (mustFindSubnet(call, id).vpcId !== vpcId) throw missingSubnet([id]);
    const groupIds = type === "Interface" ? groupsFor(call, vpcId, input.SecurityGroupIds) : [];
    const id = call.id("vpce-");
    const description = `VPC Endpoint Interface ${id}`;
    const interfaceIds = subnetIds.flatMap((subnetId) =>
      attachInterfaces(call, { subnetId, groupIds, description, requester: call.account, type: "vpc_endpoint" }),
    );
    const endpoint: VpcEndpoint = {
      ...{ id, vpcId, type, service, privateDns, subnetIds, groupIds, routeTableIds },
      interfaceIds: interfaceIds.map((each) => each.id),
      createdAt: call.now,
      state: type === "Gateway" ? "available" : "pending",
      nextAt: type === "Gateway" ? undefined : call.now + call.between(...STARTING_MS),
    };
    slice.endpoints[id] = endpoint;
    setTags(call, id, tags);
    return { VpcEndpoint: shown(call, endpoint) };
  },

  DeleteVpcEndpoints({ VpcEndpointIds = [] }, call) {
    const { endpoints } = ec2Slice(call);
    const lost = VpcEndpointIds.filter((id) => !(id in endpoints));
    for (const id of VpcEndpointIds) {
      const endpoint = endpoints[id];
      if (endpoint === undefined || endpoint.state === "deleting") continue;
      endpoint.state = "deleting";
      endpoint.nextAt = call.now + call.between(...DELETING_MS);
    }
    return {
      Unsuccessful: lost.map((ResourceId) => {
        const { code, message } = missing([ResourceId]);
        return { ResourceId, Error: { Code: code, Message: message } };
      }),
    };
  },
} satisfies Ec2Operations;

const missing = notFound("InvalidVpcEndpointId.NotFound", "Vpc Endpoint Id");
const missingVpc = notFound("InvalidVpcId.NotFound", "VPC ID");
const missingTable = notFound("InvalidRouteTableId.NotFound", "route table ID");
const missingSubnet = notFound("InvalidSubnetId.NotFound", "subnet ID");

function groupsFor(call: Call, vpcId: string, ids: readonly string[] | undefined): readonly string[] {
  const { groups } = ec2Slice(call);
  if (!ids?.length) {
    return Object.values(groups).flatMap(({ id, name, vpcId: at }) => (at === vpcId && name === "default" ? [id] : []));
  }
  const lost = ids.find((id) => groups[id]?.vpcId !== vpcId);
  if (lost !== undefined) throw groupMissing([lost]);
  return ids;
}

function shown(call: Call, endpoint: VpcEndpoint): ShownEndpoint {
  const { groups } = ec2Slice(call);
  return {
    VpcEndpointId: endpoint.id,
    VpcEndpointType: endpoint.type,
    VpcId: endpoint.vpcId,
    ServiceName: endpoint.service,
    // AWS says available here, and Available in its schema.
    State: endpoint.state as State,
    PrivateDnsEnabled: endpoint.privateDns,
    RequesterManaged: false,
    RouteTableIds: [...endpoint.routeTableIds],
    SubnetIds: [...endpoint.subnetIds],
    Groups: endpoint.groupIds.map((GroupId) => ({ GroupId, GroupName: groups[GroupId]?.name })),
    NetworkInterfaceIds: [...endpoint.interfaceIds],
    CreationTimestamp: dateOf(endpoint.createdAt),
    OwnerId: call.account,
    Tags: tagListOf(call, endpoint.id),
  };
}
