import type { VpcEndpoint as ShownEndpoint, State } from "@aws-sdk/client-ec2";
import { lifecycle, MINUTE_MS } from "../../lifecycle.ts";
import { type Call, Refusal } from "../../service.ts";
import { attachInterfaces, releaseInterfaces } from "./interfaces.ts";
import { endpoints, namedGroups, routeTables, securityGroups, subnets, vpcs } from "./kinds.ts";
import { dateOf, listed, notFound } from "./listing.ts";
import { type ServiceName, serviceOf } from "./service-names.ts";
import { type Ec2Operations, ec2Slice, type VpcEndpoint } from "./slice.ts";
import { setTags, specifiedTags, tagListOf } from "./tags.ts";

/** By the kind of endpoint that a service has; S3 has both. */
const SERVICES: Readonly<Record<VpcEndpoint["type"], readonly string[]>> = {
  Gateway: ["s3", "dynamodb"] satisfies readonly (ServiceName | "dynamodb")[],
  Interface: [
    ...["ssm", "ssmmessages", "ec2messages", "ecr.api", "ecr.dkr", "ecs", "ecs-agent", "ecs-telemetry", "logs", "s3"],
    ...["batch", "ec2", "fsx", "kms", "monitoring", "sts"],
  ],
};

const life = lifecycle<VpcEndpoint, "state">("state", {
  pending: { takesMs: [MINUTE_MS, 3 * MINUTE_MS], to: "available" },
  deleting: { takesMs: [20_000, MINUTE_MS] },
});

export function settleEndpoints(call: Call): void {
  life.settle(call, ec2Slice(call).endpoints, ({ id, interfaceIds }, state) => {
    if (state !== undefined) return;
    releaseInterfaces(call, interfaceIds);
    endpoints.remove(call, id);
  });
}

export const endpointOperations = {
  DescribeVpcEndpoints(input, call) {
    const all = endpoints.chosen(call, input.VpcEndpointIds);
    const { items, nextToken } = listed(
      call,
      input,
      all,
      {
        "service-name": ({ service }) => service,
        "vpc-endpoint-id": ({ id }) => id,
        "vpc-endpoint-state": ({ state }) => state,
        "vpc-endpoint-type": ({ type }) => type,
        "vpc-id": ({ vpcId }) => vpcId,
      },
      [1, 1000],
    );
    return { VpcEndpoints: items.map((endpoint) => shown(call, endpoint)), NextToken: nextToken };
  },

  CreateVpcEndpoint(input, call) {
    const { VpcId: vpcId = "", ServiceName: service = "", VpcEndpointType: type = "Gateway" } = input;
    if (vpcs.find(call, vpcId) === undefined) throw missingVpc([vpcId]);
    if ((type !== "Gateway" && type !== "Interface") || !SERVICES[type].includes(serviceOf(call, service) ?? "")) {
      throw new Refusal("InvalidServiceName", `The Vpc Endpoint Service '${service}' does not exist`);
    }
    const tags = specifiedTags(input.TagSpecifications, ["vpc-endpoint"])("vpc-endpoint");
    const privateDns = type === "Interface" && (input.PrivateDnsEnabled ?? true);
    const others = endpoints.all(call).filter((each) => each.vpcId === vpcId && each.service === service);
    if (privateDns && others.some((each) => each.privateDns)) {
      const words = `private-dns-enabled cannot be set because there is already a conflicting DNS domain for ${service}`;
      throw new Refusal("InvalidParameter", `${words} in the VPC ${vpcId}`);
    }
    const routeTableIds = type === "Gateway" ? (input.RouteTableIds ?? []) : [];
    for (const id of routeTableIds) {
      if (routeTables.find(call, id)?.vpcId !== vpcId) throw missingTable([id]);
      if (!others.some((each) => each.routeTableIds.includes(id))) continue;
      throw new Refusal("RouteAlreadyExists", `route table ${id} already has a route with destination-prefix-list-id`);
    }
    const subnetIds = type === "Interface" ? (input.SubnetIds ?? []) : [];
    for (const id of subnetIds) if (subnets.get(call, id).vpcId !== vpcId) throw missingSubnet([id]);
    const groupIds = type === "Interface" ? groupsFor(call, vpcId, input.SecurityGroupIds) : [];
    const id = call.id("vpce-");
    const description = `VPC Endpoint Interface ${id}`;
    const interfaceIds = subnetIds.flatMap((subnetId) =>
      attachInterfaces(call, { subnetId, groupIds, description, requester: call.account, type: "vpc_endpoint" }),
    );
    const endpoint = endpoints.add(call, id, {
      ...{ id, vpcId, type, service, privateDns, subnetIds, groupIds, routeTableIds },
      interfaceIds: interfaceIds.map((each) => each.id),
      createdAt: call.now,
      ...(type === "Gateway" ? { state: "available" } : life.entering(call, "pending")),
    });
    setTags(call, id, tags);
    return { VpcEndpoint: shown(call, endpoint) };
  },

  DeleteVpcEndpoints({ VpcEndpointIds = [] }, call) {
    const lost = VpcEndpointIds.filter((id) => endpoints.find(call, id) === undefined);
    for (const id of VpcEndpointIds) {
      const endpoint = endpoints.find(call, id);
      if (endpoint === undefined || endpoint.state === "deleting") continue;
      Object.assign(endpoint, life.entering(call, "deleting"));
    }
    return {
      Unsuccessful: lost.map((ResourceId) => {
        const { code, message } = endpoints.missing([ResourceId]);
        return { ResourceId, Error: { Code: code, Message: message } };
      }),
    };
  },
} satisfies Ec2Operations;

const missingVpc = notFound("InvalidVpcId.NotFound", "VPC ID");
const missingTable = notFound("InvalidRouteTableId.NotFound", "route table ID");
const missingSubnet = notFound("InvalidSubnetId.NotFound", "subnet ID");

function groupsFor(call: Call, vpcId: string, ids: readonly string[] | undefined): readonly string[] {
  if (!ids?.length) {
    const defaults = securityGroups.all(call).filter((group) => group.vpcId === vpcId && group.name === "default");
    return defaults.map(({ id }) => id);
  }
  const lost = ids.find((id) => securityGroups.find(call, id)?.vpcId !== vpcId);
  if (lost !== undefined) throw securityGroups.missing([lost]);
  return ids;
}

function shown(call: Call, endpoint: VpcEndpoint): ShownEndpoint {
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
    Groups: namedGroups(call, endpoint.groupIds),
    NetworkInterfaceIds: [...endpoint.interfaceIds],
    CreationTimestamp: dateOf(endpoint.createdAt),
    OwnerId: call.account,
    Tags: tagListOf(call, endpoint.id),
  };
}
