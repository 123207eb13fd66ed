import type { NetworkInterfaceType } from "@aws-sdk/client-ec2";
import { type Call, Refusal } from "../../service.ts";
import { addressIn, sizeOf } from "./cidr.ts";
import { interfaces, namedGroups, subnets } from "./kinds.ts";
import { dateOf, listed } from "./listing.ts";
import type { Ec2Operations, Interface } from "./slice.ts";
import { tagListOf } from "./tags.ts";

/** The first four addresses of a subnet and its last are AWS's. */
export const RESERVED = 5;
const FIRST_HOST = 4;

export interface NewInterface {
  readonly subnetId: string;
  readonly groupIds: readonly string[];
  readonly description: string;
  readonly instanceId?: string | undefined;
  readonly publicIp?: boolean | undefined;
  /** The service it works for, such as amazon-fsx; only that service may remove it. */
  readonly requester?: string | undefined;
  readonly type?: Interface["type"];
}

/** Puts network interfaces into a subnet, each with an address of its own; their groups cannot be deleted meanwhile. */
export function attachInterfaces(call: Call, wanted: NewInterface, count = 1): readonly Interface[] {
  return Array.from({ length: count }, () => {
    const id = call.id("eni-");
    return interfaces.add(call, id, {
      id,
      subnetId: wanted.subnetId,
      groupIds: wanted.groupIds,
      privateIp: freeAddress(call, wanted.subnetId),
      publicIp: wanted.publicIp ? publicAddress(call) : undefined,
      description: wanted.description,
      instanceId: wanted.instanceId,
      requester: wanted.requester,
      type: wanted.type,
      createdAt: call.now,
    });
  });
}

export function releaseInterfaces(call: Call, ids: readonly string[]): void {
  for (const id of ids) interfaces.remove(call, id);
}

export function publicAddress(call: Call): string {
  return `54.${call.between(1, 254)}.${call.between(1, 254)}.${call.between(1, 254)}`;
}

function freeAddress(call: Call, subnetId: string): string {
  const { cidr } = subnets.get(call, subnetId);
  const taken = new Set(interfaces.all(call).map(({ privateIp }) => privateIp));
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

export const interfaceOperations = {
  DescribeNetworkInterfaces(input, call) {
    const all = interfaces.chosen(call, input.NetworkInterfaceIds);
    const subnetOf = ({ subnetId }: Interface) => subnets.get(call, subnetId);
    const { items, nextToken } = listed(call, input, all, {
      "attachment.instance-id": ({ instanceId }) => instanceId,
      "availability-zone": (each) => subnetOf(each).zone,
      description: ({ description }) => description,
      "group-id": ({ groupIds }) => groupIds,
      "interface-type": ({ type }) => type ?? "interface",
      "network-interface-id": ({ id }) => id,
      "owner-id": () => call.account,
      "private-ip-address": ({ privateIp }) => privateIp,
      "requester-id": ({ requester }) => requester,
      "requester-managed": ({ requester }) => requester !== undefined,
      status: () => "in-use",
      "subnet-id": ({ subnetId }) => subnetId,
      "vpc-id": (each) => subnetOf(each).vpcId,
    });
    return {
      NetworkInterfaces: items.map((each) => {
        const { zone, vpcId } = subnetOf(each);
        return {
          NetworkInterfaceId: each.id,
          SubnetId: each.subnetId,
          VpcId: vpcId,
          AvailabilityZone: zone,
          Description: each.description,
          OwnerId: call.account,
          // AWS says nat_gateway here, and natGateway in its schema.
          InterfaceType: (each.type ?? "interface") as NetworkInterfaceType,
          Status: "in-use",
          SourceDestCheck: true,
          RequesterManaged: each.requester !== undefined,
          RequesterId: each.requester,
          PrivateIpAddress: each.privateIp,
          PrivateIpAddresses: [{ Primary: true, PrivateIpAddress: each.privateIp }],
          Groups: namedGroups(call, each.groupIds),
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
} satisfies Ec2Operations;
