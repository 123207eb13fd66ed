import type { InternetGateway as ShownInternetGateway } from "@aws-sdk/client-ec2";
import { type Call, Refusal } from "../../service.ts";
import { releaseInterfaces } from "./interfaces.ts";
import { chosen, dateOf, filtered, notFound, paged } from "./listing.ts";
import { type Ec2Operations, ec2Slice, type InternetGateway } from "./slice.ts";
import { setTags, specifiedTags, tagListOf } from "./tags.ts";

/** A NAT gateway that is gone can be seen for an hour. */
const SEEN_MS = 3600_000;

export function settleGateways(call: Call): void {
  const { natGateways, tags } = ec2Slice(call);
  for (const gateway of Object.values(natGateways)) {
    if (gateway.nextAt === undefined || gateway.nextAt > call.now) continue;
    if (gateway.state === "deleting") {
      releaseInterfaces(call, [gateway.interfaceId]);
      gateway.state = "deleted";
      gateway.nextAt += SEEN_MS;
    } else {
      delete natGateways[gateway.id];
      delete tags[gateway.id];
    }
  }
}

export const gatewayOperations = {
  DescribeInternetGateways(input, call) {
    const all = chosen(Object.values(ec2Slice(call).internetGateways), input.InternetGatewayIds, missing);
    const matching = filtered(call, all, input.Filters, {
      "attachment.state": ({ vpcId }) => vpcId && "available",
      "attachment.vpc-id": ({ vpcId }) => vpcId,
      "internet-gateway-id": ({ id }) => id,
      "owner-id": () => call.account,
    });
    const { items, nextToken } = paged(call, matching, input);
    return { InternetGateways: items.map((each) => shown(call, each)), NextToken: nextToken };
  },

  CreateInternetGateway(input, call) {
    const { internetGateways } = ec2Slice(call);
    const tags = specifiedTags(input.TagSpecifications, ["internet-gateway"])("internet-gateway");
    const id = call.id("igw-");
    internetGateways[id] = { id };
    setTags(call, id, tags);
    return { InternetGateway: shown(call, internetGateways[id]) };
  },

  AttachInternetGateway({ InternetGatewayId, VpcId = "" }, call) {
    const { internetGateways, vpcs } = ec2Slice(call);
    const gateway = mustFind(call, InternetGatewayId);
    if (!(VpcId in vpcs)) throw notFound("InvalidVpcID.NotFound", "vpc ID")([VpcId]);
    const there = Object.values(internetGateways).find((each) => each.vpcId === VpcId);
    if (gateway.vpcId !== undefined || there !== undefined) {
      const words = `resource ${gateway.id} is already attached to network ${gateway.vpcId ?? VpcId}`;
      throw new Refusal("Resource.AlreadyAssociated", words);
    }
    gateway.vpcId = VpcId;
  },

  DetachInternetGateway({ InternetGatewayId, VpcId = "" }, call) {
    const { interfaces, subnets } = ec2Slice(call);
    const gateway = mustFind(call, InternetGatewayId);
    if (gateway.vpcId !== VpcId) {
      throw new Refusal("Gateway.NotAttached", `resource ${gateway.id} is not attached to network ${VpcId}`);
    }
    const mapped = ({ subnetId, publicIp }: { subnetId: string; publicIp?: string | undefined }) =>
      publicIp !== undefined && subnets[subnetId]?.vpcId === VpcId;
    if (Object.values(interfaces).some(mapped)) {
      const words =
        `Network ${VpcId} has some mapped public address(es). ` +
        "Please unmap those public address(es) before detaching the gateway.";
      throw new Refusal("DependencyViolation", words);
    }
    gateway.vpcId = undefined;
  },

  DeleteInternetGateway({ InternetGatewayId }, call) {
    const { internetGateways, tags } = ec2Slice(call);
    const { id, vpcId } = mustFind(call, InternetGatewayId);
    if (vpcId !== undefined) {
      throw new Refusal("DependencyViolation", `The internetGateway '${id}' has dependencies and cannot be deleted.`);
    }
    delete internetGateways[id];
    delete tags[id];
  },

  DescribeNatGateways(input, call) {
    const { interfaces, natGateways } = ec2Slice(call);
    const all = chosen(Object.values(natGateways), input.NatGatewayIds, ([id]) => natMissing(id));
    const matching = filtered(call, all, input.Filter, {
      "nat-gateway-id": ({ id }) => id,
      state: ({ state }) => state,
      "subnet-id": ({ subnetId }) => subnetId,
      "vpc-id": ({ vpcId }) => vpcId,
    });
    const { items, nextToken } = paged(call, matching, input);
    return {
      NatGateways: items.map(({ id, vpcId, subnetId, state, createdAt, interfaceId }) => ({
        NatGatewayId: id,
        VpcId: vpcId,
        SubnetId: subnetId,
        State: state,
        CreateTime: dateOf(createdAt),
        ConnectivityType: "public",
        NatGatewayAddresses: [
          {
            NetworkInterfaceId: interfaceId,
            PrivateIp: interfaces[interfaceId]?.privateIp,
            PublicIp: interfaces[interfaceId]?.publicIp,
            IsPrimary: true,
            Status: "succeeded",
          },
        ],
        Tags: tagListOf(call, id),
      })),
      NextToken: nextToken,
    };
  },

  DeleteNatGateway({ NatGatewayId = "" }, call) {
    const gateway = ec2Slice(call).natGateways[NatGatewayId];
    if (gateway === undefined) throw natMissing(NatGatewayId);
    if (gateway.state === "available") {
      gateway.state = "deleting";
      gateway.nextAt = call.now + call.between(30_000, 90_000);
    }
    return { NatGatewayId };
  },
} satisfies Ec2Operations;

const missing = notFound("InvalidInternetGatewayID.NotFound", "internetGateway ID");

function mustFind(call: Call, id = ""): InternetGateway {
  const gateway = ec2Slice(call).internetGateways[id];
  if (gateway === undefined) throw missing([id]);
  return gateway;
}

function natMissing(id = ""): Refusal {
  return new Refusal("NatGatewayNotFound", `NatGateway ${id} was not found`);
}

function shown(call: Call, { id, vpcId }: InternetGateway): ShownInternetGateway {
  return {
    InternetGatewayId: id,
    OwnerId: call.account,
    // AWS says available here, and attached in its schema.
    Attachments: vpcId === undefined ? [] : [{ State: "available" as "attached", VpcId: vpcId }],
    Tags: tagListOf(call, id),
  };
}
