import type {
  DescribeNetworkInterfacesCommandInput,
  DescribeNetworkInterfacesCommandOutput,
  DescribeRouteTablesCommandInput,
  DescribeRouteTablesCommandOutput,
  DescribeSubnetsCommandInput,
  DescribeSubnetsCommandOutput,
  DescribeVpcAttributeCommandInput,
  DescribeVpcAttributeCommandOutput,
  DescribeVpcsCommandInput,
  DescribeVpcsCommandOutput,
  VpcAttributeName,
} from "@aws-sdk/client-ec2";
import { type Call, Refusal } from "../../service.ts";
import { arnOf } from "./arn.ts";
import { chosen, dateOf, filtered, notFound, paged } from "./listing.ts";
import { zoneIdOf } from "./regions.ts";
import { ec2Slice, type Interface, type Subnet } from "./slice.ts";
import { tagListOf } from "./tags.ts";

/** The first four addresses of a subnet and its last are AWS's. */
const RESERVED = 5;
const FIRST_HOST = 4;

export function subnet(call: Call, id: string): Subnet | undefined {
  return ec2Slice(call).subnets[id];
}

/** The default VPC's subnet in a zone, or in the first zone that `suits`. */
export function defaultSubnet(call: Call, suits: (zone: string) => boolean): Subnet | undefined {
  return Object.values(ec2Slice(call).subnets).find(({ isDefault, zone }) => isDefault && suits(zone));
}

export interface NewInterface {
  readonly subnetId: string;
  readonly groupIds: readonly string[];
  readonly description: string;
  readonly instanceId?: string | undefined;
  readonly publicIp?: boolean | undefined;
  /** The service it works for, such as amazon-fsx; only that service may remove it. */
  readonly requester?: string | undefined;
}

/** Puts network interfaces into a subnet, each with an address of its own; their groups cannot be deleted meanwhile. */
export function attachInterfaces(call: Call, wanted: NewInterface, count = 1): readonly Interface[] {
  const { interfaces } = ec2Slice(call);
  return Array.from({ length: count }, () => {
    const id = call.id("eni-");
    const made: Interface = {
      id,
      subnetId: wanted.subnetId,
      groupIds: wanted.groupIds,
      privateIp: freeAddress(call, wanted.subnetId),
      publicIp: wanted.publicIp ? publicAddress(call) : undefined,
      description: wanted.description,
      instanceId: wanted.instanceId,
      requester: wanted.requester,
      createdAt: call.now,
    };
    interfaces[id] = made;
    return made;
  });
}

export function releaseInterfaces(call: Call, ids: readonly string[]): void {
  const { interfaces, tags } = ec2Slice(call);
  for (const id of ids) {
    delete interfaces[id];
    delete tags[id];
  }
}

export function publicAddress(call: Call): string {
  return `54.${call.between(1, 254)}.${call.between(1, 254)}.${call.between(1, 254)}`;
}

function freeAddress(call: Call, subnetId: string): string {
  const { interfaces, subnets } = ec2Slice(call);
  const { cidr } = subnets[subnetId]!;
  const taken = new Set(Object.values(interfaces).map(({ privateIp }) => privateIp));
  const size = sizeOf(cidr);
  const start = call.between(FIRST_HOST, size - 2);
  for (let step = 0; step < size; step++) {
    const host = FIRST_HOST + ((start - FIRST_HOST + step) % (size - RESERVED));
    const address = addressIn(cidr, host);
    if (!taken.has(address)) return address;
  }
  const words = `Not enough free addresses in subnet '${subnetId}' to satisfy the requested number of instances.`;
  throw new Refusal("InsufficientFreeAddressesInSubnet", words);
}

function sizeOf(cidr: string): number {
  return 2 ** (32 - Number(cidr.split("/")[1]));
}

function addressIn(cidr: string, host: number): string {
  const [a = 0, b = 0, c = 0] = (cidr.split("/")[0] ?? "").split(".").map(Number);
  return [a, b, c + Math.floor(host / 256), host % 256].join(".");
}

function freeCount(call: Call, { id, cidr }: Subnet): number {
  const taken = Object.values(ec2Slice(call).interfaces).filter(({ subnetId }) => subnetId === id).length;
  return sizeOf(cidr) - RESERVED - taken;
}

const ATTRIBUTES: Readonly<Record<VpcAttributeName, keyof DescribeVpcAttributeCommandOutput>> = {
  enableDnsHostnames: "EnableDnsHostnames",
  enableDnsSupport: "EnableDnsSupport",
  enableNetworkAddressUsageMetrics: "EnableNetworkAddressUsageMetrics",
};

export const networkOperations = {
  DescribeVpcs(input: DescribeVpcsCommandInput, call: Call): Partial<DescribeVpcsCommandOutput> {
    const all = chosen(Object.values(ec2Slice(call).vpcs), input.VpcIds, notFound("InvalidVpcID.NotFound", "vpc ID"));
    const matching = filtered(call, all, input.Filters, {
      cidr: ({ cidr }) => cidr,
      "cidr-block": ({ cidr }) => cidr,
      "is-default": ({ isDefault }) => isDefault,
      isDefault: ({ isDefault }) => isDefault,
      "owner-id": () => call.account,
      state: () => "available",
      "vpc-id": ({ id }) => id,
    });
    const { items, nextToken } = paged(call, matching, input);
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

  DescribeVpcAttribute(
    { VpcId = "", Attribute }: DescribeVpcAttributeCommandInput,
    call: Call,
  ): Partial<DescribeVpcAttributeCommandOutput> {
    if (!(VpcId in ec2Slice(call).vpcs)) throw notFound("InvalidVpcID.NotFound", "vpc ID")([VpcId]);
    const member = Attribute && ATTRIBUTES[Attribute];
    if (member === undefined) {
      throw new Refusal("InvalidParameterValue", `Value (${Attribute}) for parameter attribute is invalid.`);
    }
    return { VpcId, [member]: { Value: Attribute !== "enableNetworkAddressUsageMetrics" } };
  },

  DescribeSubnets(input: DescribeSubnetsCommandInput, call: Call): Partial<DescribeSubnetsCommandOutput> {
    const missing = notFound("InvalidSubnetID.NotFound", "subnet ID");
    const all = chosen(Object.values(ec2Slice(call).subnets), input.SubnetIds, missing);
    const matching = filtered(call, all, input.Filters, {
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
    const { items, nextToken } = paged(call, matching, input);
    return {
      Subnets: items.map((each) => ({
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
      })),
      NextToken: nextToken,
    };
  },

  DescribeRouteTables(input: DescribeRouteTablesCommandInput, call: Call): Partial<DescribeRouteTablesCommandOutput> {
    const { routeTables, vpcs } = ec2Slice(call);
    const missing = notFound("InvalidRouteTableID.NotFound", "routeTable ID");
    const matching = filtered(call, chosen(Object.values(routeTables), input.RouteTableIds, missing), input.Filters, {
      "association.main": () => true,
      "association.route-table-id": ({ id }) => id,
      // Every subnet here uses its VPC's main table, which is not an association of its own.
      "association.subnet-id": () => undefined,
      "owner-id": () => call.account,
      "route-table-id": ({ id }) => id,
      "route.destination-cidr-block": ({ vpcId }) => ["0.0.0.0/0", vpcs[vpcId]?.cidr],
      "route.gateway-id": ({ outward }) => ["local", ...(outward.startsWith("igw-") ? [outward] : [])],
      "route.nat-gateway-id": ({ outward }) => (outward.startsWith("nat-") ? outward : undefined),
      "vpc-id": ({ vpcId }) => vpcId,
    });
    const { items, nextToken } = paged(call, matching, input);
    return {
      RouteTables: items.map(({ id, vpcId, outward }) => ({
        RouteTableId: id,
        VpcId: vpcId,
        OwnerId: call.account,
        Associations: [
          {
            Main: true,
            RouteTableAssociationId: `rtbassoc-${id.slice("rtb-".length)}`,
            RouteTableId: id,
            AssociationState: { State: "associated" },
          },
        ],
        PropagatingVgws: [],
        Routes: [
          {
            DestinationCidrBlock: vpcs[vpcId]!.cidr,
            GatewayId: "local",
            Origin: "CreateRouteTable",
            State: "active",
          },
          {
            DestinationCidrBlock: "0.0.0.0/0",
            ...(outward.startsWith("igw-") ? { GatewayId: outward } : { NatGatewayId: outward }),
            Origin: "CreateRoute",
            State: "active",
          },
        ],
        Tags: tagListOf(call, id),
      })),
      NextToken: nextToken,
    };
  },

  DescribeNetworkInterfaces(
    input: DescribeNetworkInterfacesCommandInput,
    call: Call,
  ): Partial<DescribeNetworkInterfacesCommandOutput> {
    const { interfaces, subnets, groups } = ec2Slice(call);
    const missing = notFound("InvalidNetworkInterfaceID.NotFound", "networkInterface ID");
    const all = chosen(Object.values(interfaces), input.NetworkInterfaceIds, missing);
    const matching = filtered(call, all, input.Filters, {
      "attachment.instance-id": ({ instanceId }) => instanceId,
      "availability-zone": ({ subnetId }) => subnets[subnetId]?.zone,
      description: ({ description }) => description,
      "group-id": ({ groupIds }) => groupIds,
      "interface-type": () => "interface",
      "network-interface-id": ({ id }) => id,
      "owner-id": () => call.account,
      "private-ip-address": ({ privateIp }) => privateIp,
      "requester-id": ({ requester }) => requester,
      "requester-managed": ({ requester }) => requester !== undefined,
      status: () => "in-use",
      "subnet-id": ({ subnetId }) => subnetId,
      "vpc-id": ({ subnetId }) => subnets[subnetId]?.vpcId,
    });
    const { items, nextToken } = paged(call, matching, input);
    return {
      NetworkInterfaces: items.map((each) => {
        const { zone, vpcId } = subnets[each.subnetId]!;
        return {
          NetworkInterfaceId: each.id,
          SubnetId: each.subnetId,
          VpcId: vpcId,
          AvailabilityZone: zone,
          Description: each.description,
          OwnerId: call.account,
          InterfaceType: "interface",
          Status: "in-use",
          SourceDestCheck: true,
          RequesterManaged: each.requester !== undefined,
          RequesterId: each.requester,
          PrivateIpAddress: each.privateIp,
          PrivateIpAddresses: [{ Primary: true, PrivateIpAddress: each.privateIp }],
          Groups: each.groupIds.map((GroupId) => ({ GroupId, GroupName: groups[GroupId]?.name })),
          Attachment: {
            AttachmentId: `eni-attach-${each.id.slice("eni-".length)}`,
            AttachTime: dateOf(each.createdAt),
            DeleteOnTermination: true,
            DeviceIndex: 0,
            InstanceId: each.instanceId,
            InstanceOwnerId: each.requester ?? call.account,
            Status: "attached",
          },
          Association: each.publicIp === undefined ? undefined : { PublicIp: each.publicIp, IpOwnerId: "amazon" },
          TagSet: tagListOf(call, each.id),
        };
      }),
      NextToken: nextToken,
    };
  },
};
