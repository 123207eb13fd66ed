import type { InternetGateway as ShownInternetGateway } from "@aws-sdk/client-ec2";
import { HOUR_MS, lifecycle } from "../../lifecycle.ts";
import { type Call, Refusal } from "../../service.ts";
import { releaseInterfaces } from "./interfaces.ts";
import { interfaces, internetGateways, natGateways, subnets, vpcs } from "./kinds.ts";
import { dateOf, listed } from "./listing.ts";
import { type Ec2Operations, ec2Slice, type InternetGateway, type NatGateway } from "./slice.ts";
import { setTags, specifiedTags, tagListOf } from "./tags.ts";

/** A NAT gateway that is gone can be seen for an hour. */
const SEEN_MS = HOUR_MS;

const natLife = lifecycle<NatGateway, "state">("state", {
  deleting: { takesMs: [30_000, 90_000], to: "deleted" },
  deleted: { takesMs: [SEEN_MS, SEEN_MS] },
});

export function settleGateways(call: Call): void {
  natLife.settle(call, ec2Slice(call).natGateways, ({ id, interfaceId }, state) => {
    if (state === "deleted") releaseInterfaces(call, [interfaceId]);
    else natGateways.remove(call, id);
  });
}

export const gatewayOperations = {
  DescribeInternetGateways(input, call) {
    const all = internetGateways.chosen(call, input.InternetGatewayIds);
    const { items, nextToken } = listed(call, input, all, {
      "attachment.state": ({ vpcId }) => vpcId && "available",
      "attachment.vpc-id": ({ vpcId }) => vpcId,
      "internet-gateway-id": ({ id }) => id,
      "owner-id": () => call.account,
    });
    return { InternetGateways: items.map((each) => shown(call, each)), NextToken: nextToken };
  },

  CreateInternetGateway(input, call) {
    const tags = specifiedTags(input.TagSpecifications, ["internet-gateway"])("internet-gateway");
    const id = call.id("igw-");
    const gateway = internetGateways.add(call, id, { id });
    setTags(call, id, tags);
    return { InternetGateway: shown(call, gateway) };
  },

  AttachInternetGateway({ InternetGatewayId, VpcId = "" }, call) {
    const gateway = internetGateways.get(call, InternetGatewayId);
    vpcs.get(call, VpcId);
    const there = internetGateways.all(call).find((each) => each.vpcId === VpcId);
    if (gateway.vpcId !== undefined || there !== undefined) {
      const words = `resource ${gateway.id} is already attached to network ${gateway.vpcId ?? VpcId}`;
      throw new Refusal("Resource.AlreadyAssociated", words);
    }
    gateway.vpcId = VpcId;
  },

  DetachInternetGateway({ InternetGatewayId, VpcId = "" }, call) {
    const gateway = internetGateways.get(call, InternetGatewayId);
    if (gateway.vpcId !== VpcId) {
      throw new Refusal("Gateway.NotAttached", `resource ${gateway.id} is not attached to network ${VpcId}`);
    }
    const mapped = ({ subnetId, publicIp }: { subnetId: string; publicIp?: string | undefined }) =>
      publicIp !== undefined && subnets.find(call, subnetId)?.vpcId === VpcId;
    if (interfaces.all(call).some(mapped)) {
      const words =
        `Network ${VpcId} has some mapped public address(es). ` +
        "Please unmap those public address(es) before detaching the gateway.";
      throw new Refusal("DependencyViolation", words);
    }
    gateway.vpcId = undefined;
  },

  DeleteInternetGateway({ InternetGatewayId }, call) {
    const { id, vpcId } = internetGateways.get(call, InternetGatewayId);
    if (vpcId !== undefined) {
      throw new Refusal("DependencyViolation", `The internetGateway '${id}' has dependencies and cannot be deleted.`);
    }
    internetGateways.remove(call, id);
  },

  DescribeNatGateways(input, call) {
    const all = natGateways.chosen(call, input.NatGatewayIds);
    const { items, nextToken } = listed(call, { ...input, Filters: input.Filter }, all, {
      "nat-gateway-id": ({ id }) => id,
      state: ({ state }) => state,
      "subnet-id": ({ subnetId }) => subnetId,
      "vpc-id": ({ vpcId }) => vpcId,
    });
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
            PrivateIp: interfaces.find(call, interfaceId)?.privateIp,
            PublicIp: interfaces.find(call, interfaceId)?.publicIp,
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
    const gateway = natGateways.get(call, NatGatewayId);
    if (gateway.state === "available") Object.assign(gateway, natLife.entering(call, "deleting"));
    return { NatGatewayId };
  },
} satisfies Ec2Operations;

function shown(call: Call, { id, vpcId }: InternetGateway): ShownInternetGateway {
  return {
    InternetGatewayId: id,
    OwnerId: call.account,
    // AWS says available here, and attached in its schema.
    Attachments: vpcId === undefined ? [] : [{ State: "available" as "attached", VpcId: vpcId }],
    Tags: tagListOf(call, id),
  };
}
