import type { DescribeVpcAttributeCommandOutput, Subnet as ShownSubnet, VpcAttributeName } from "@aws-sdk/client-ec2";
import { type Call, Refusal } from "../../service.ts";
import { arnOf } from "./arn.ts";
import { contains, isCidr, sizeOf } from "./cidr.ts";
import { RESERVED } from "./interfaces.ts";
import { interfaces, routeTables, subnets, vpcs } from "./kinds.ts";
import { listed } from "./listing.ts";
import { enabledZones, zoneIdOf } from "./regions.ts";
import type { Ec2Operations, Subnet } from "./slice.ts";
import { setTags, specifiedTags, tagListOf } from "./tags.ts";

/** The default VPC's subnet in a zone, or in the first zone that `suits`. */
export function defaultSubnet(call: Call, suits: (zone: string) => boolean): Subnet | undefined {
  return subnets.all(call).find(({ isDefault, zone }) => isDefault && suits(zone));
}

function freeCount(call: Call, { id, cidr }: Subnet): number {
  const taken = interfaces.all(call).filter(({ subnetId }) => subnetId === id).length;
  return sizeOf(cidr) - RESERVED - taken;
}

const ATTRIBUTES: Readonly<Record<VpcAttributeName, keyof DescribeVpcAttributeCommandOutput>> = {
  enableDnsHostnames: "EnableDnsHostnames",
  enableDnsSupport: "EnableDnsSupport",
  enableNetworkAddressUsageMetrics: "EnableNetworkAddressUsageMetrics",
};

export const networkOperations = {
  DescribeVpcs(input, call) {
    const all = vpcs.chosen(call, input.VpcIds);
    const { items, nextToken } = listed(call, input, all, {
      cidr: ({ cidr }) => cidr,
      "cidr-block": ({ cidr }) => cidr,
      "is-default": ({ isDefault }) => isDefault,
      isDefault: ({ isDefault }) => isDefault,
      "owner-id": () => call.account,
      state: () => "available",
      "vpc-id": ({ id }) => id,
    });
    return {
      Vpcs: items.map(({ id, cidr, isDefault }) => ({
        VpcId: id,
        CidrBlock: cidr,
        IsDefault: isDefault,
        State: "available",
        OwnerId: call.account,
        InstanceTenancy: "default",
        DhcpOptionsId: `dopt-${id.slice("vpc-".length)}`,
        CidrBlockAssociationSet: [
          {
            AssociationId: `vpc-cidr-assoc-${id.slice("vpc-".length)}`,
            CidrBlock: cidr,
            CidrBlockState: { State: "associated" },
          },
        ],
        Tags: tagListOf(call, id),
      })),
      NextToken: nextToken,
    };
  },

  DescribeVpcAttribute({ VpcId = "", Attribute }, call) {
    vpcs.get(call, VpcId);
    const member = Attribute && ATTRIBUTES[Attribute];
    if (member === undefined) {
      throw new Refusal("InvalidParameterValue", `Value (${Attribute}) for parameter attribute is invalid.`);
    }
    return { VpcId, [member]: { Value: Attribute !== "enableNetworkAddressUsageMetrics" } };
  },

  DescribeSubnets(input, call) {
    const all = subnets.chosen(call, input.SubnetIds);
    const { items, nextToken } = listed(call, input, all, {
      "availability-zone": ({ zone }) => zone,
      availabilityZone: ({ zone }) => zone,
      "availability-zone-id": ({ zone }) => zoneIdOf(zone),
      "available-ip-address-count": (each) => freeCount(call, each),
      "cidr-block": ({ cidr }) => cidr,
      "default-for-az": ({ isDefault }) => isDefault,
      "map-public-ip-on-launch": ({ mapsPublicIp }) => mapsPublicIp,
      "owner-id": () => call.account,
      state: () => "available",
      "subnet-id": ({ id }) => id,
      "vpc-id": ({ vpcId }) => vpcId,
    });
    return {
      Subnets: items.map((each) => shownSubnet(call, each)),
      NextToken: nextToken,
    };
  },

  CreateSubnet(input, call) {
    const { CidrBlock: cidr = "" } = input;
    const vpc = vpcs.get(call, input.VpcId);
    if (!isCidr(cidr) || !contains(vpc.cidr, cidr) || sizeOf(cidr) < 16) {
      throw new Refusal("InvalidSubnet.Range", `The CIDR '${cidr}' is invalid.`);
    }
    const others = subnets.all(call).filter(({ vpcId }) => vpcId === vpc.id);
    if (others.some((other) => contains(other.cidr, cidr) || contains(cidr, other.cidr))) {
      throw new Refusal("InvalidSubnet.Conflict", `The CIDR '${cidr}' conflicts with another subnet`);
    }
    const zones = enabledZones(call);
    const wanted = input.AvailabilityZone ?? zones.find((each) => zoneIdOf(each) === input.AvailabilityZoneId);
    const zone = wanted ?? (input.AvailabilityZoneId === undefined ? zones[0] : undefined);
    if (zone === undefined || !zones.includes(zone)) {
      const words =
        `Value (${input.AvailabilityZone ?? input.AvailabilityZoneId}) for parameter availabilityZone is invalid. ` +
        `Subnets can currently only be created in the following availability zones: ${zones.join(", ")}.`;
      throw new Refusal("InvalidParameterValue", words);
    }
    const tags = specifiedTags(input.TagSpecifications, ["subnet"])("subnet");
    const id = call.id("subnet-");
    const made = subnets.add(call, id, { id, vpcId: vpc.id, zone, cidr, isDefault: false, mapsPublicIp: false });
    setTags(call, id, tags);
    return { Subnet: shownSubnet(call, made) };
  },

  DeleteSubnet({ SubnetId = "" }, call) {
    subnets.get(call, SubnetId);
    if (interfaces.all(call).some(({ subnetId }) => subnetId === SubnetId)) {
      const words = `The subnet '${SubnetId}' has dependencies and cannot be deleted.`;
      throw new Refusal("DependencyViolation", words);
    }
    for (const { associations } of routeTables.all(call)) delete associations[SubnetId];
    subnets.remove(call, SubnetId);
  },

  ModifySubnetAttribute({ SubnetId = "", MapPublicIpOnLaunch }, call) {
    const found = subnets.get(call, SubnetId);
    if (MapPublicIpOnLaunch === undefined) {
      throw new Refusal("MissingParameter", "The request must contain the parameter mapPublicIpOnLaunch");
    }
    found.mapsPublicIp = MapPublicIpOnLaunch.Value ?? false;
  },
} satisfies Ec2Operations;

function shownSubnet(call: Call, each: Subnet): ShownSubnet {
  return {
    SubnetId: each.id,
    SubnetArn: arnOf(call, "subnet", each.id),
    VpcId: each.vpcId,
    AvailabilityZone: each.zone,
    AvailabilityZoneId: zoneIdOf(each.zone),
    AvailableIpAddressCount: freeCount(call, each),
    CidrBlock: each.cidr,
    DefaultForAz: each.isDefault,
    MapPublicIpOnLaunch: each.mapsPublicIp,
    AssignIpv6AddressOnCreation: false,
    Ipv6CidrBlockAssociationSet: [],
    OwnerId: call.account,
    State: "available",
    Tags: tagListOf(call, each.id),
  };
}
