import type { ResourceType } from "@aws-sdk/client-ec2";
import { type Collection, collection } from "../../collection.ts";
import { type Call, Refusal } from "../../service.ts";
import { chosen, notFound } from "./listing.ts";
import { type Ec2Slice, ec2Slice } from "./slice.ts";

type Missing = (ids: readonly string[]) => Refusal;

/** EC2's things of one type. Their tags are kept by id, beside them, and go with them. */
export interface Kind<T> extends Collection<T> {
  readonly type: ResourceType;
  /** The refusal for well-formed ids that are not there. */
  readonly absent: Missing;
  /** The refusal for ids that are not there, or malformed. */
  readonly missing: Missing;
}

/** What an id looks like, and what one is refused with that does not. */
type Malformed = readonly [shape: RegExp, refusal: (id: string) => Refusal];

function kind<T extends { readonly id: string }>(
  type: ResourceType,
  recordOf: (slice: Ec2Slice) => Record<string, T>,
  absent: Missing,
  malformed?: Malformed,
): Kind<T> {
  const missing = malformed ? checked(malformed, absent) : absent;
  const things = collection(
    (call) => recordOf(ec2Slice(call)),
    (id) => missing([id]),
  );
  return {
    ...things,
    ...{ type, absent, missing },
    chosen: (call, ids) => chosen(things.visible(call), ids, missing),
    remove(call, id) {
      things.remove(call, id);
      delete ec2Slice(call).tags[id];
    },
  };
}

function checked([shape, refusal]: Malformed, absent: Missing): Missing {
  return (ids) => {
    const bad = ids.find((id) => !shape.test(id));
    return bad === undefined ? absent(ids) : refusal(bad);
  };
}

function absent(code: string, words: (id: string) => string): Missing {
  return (ids) => new Refusal(code, words(ids.join(", ")));
}

function expecting(prefix: string, code: string): Malformed {
  const shape = new RegExp(`^${prefix}-[0-9a-f]{8,17}$`);
  return [shape, (id) => new Refusal(code, `Invalid id: "${id}" (expecting "${prefix}-...")`)];
}

export const images = kind(
  "image",
  (slice) => slice.images,
  absent("InvalidAMIID.NotFound", (ids) => `The image id '[${ids}]' does not exist`),
  expecting("ami", "InvalidAMIID.Malformed"),
);

export const instances = kind(
  "instance",
  (slice) => slice.instances,
  notFound("InvalidInstanceID.NotFound", "instance ID"),
  [/^i-[0-9a-f]{8,17}$/, (id) => new Refusal("InvalidInstanceID.Malformed", `Invalid id: "${id}"`)],
);

export const launchTemplates = kind(
  "launch-template",
  (slice) => slice.templates,
  absent("InvalidLaunchTemplateId.NotFound", (id) => {
    return `The specified launch template, with template ID ${id}, does not exist.`;
  }),
  expecting("lt", "InvalidLaunchTemplateId.Malformed"),
);

/** Also asked for by name, so that only what begins as an id is told malformed. */
export const securityGroups = kind(
  "security-group",
  (slice) => slice.groups,
  absent("InvalidGroup.NotFound", (id) => `The security group '${id}' does not exist`),
  [
    /^(?!sg-)|^sg-[0-9a-f]{8,17}$/,
    (id) => new Refusal("InvalidGroupId.Malformed", `Invalid id: "${id}" (expecting "sg-...")`),
  ],
);

export const snapshots = kind(
  "snapshot",
  (slice) => slice.snapshots,
  absent("InvalidSnapshot.NotFound", (id) => `The snapshot '${id}' does not exist.`),
  [
    /^snap-[0-9a-f]{8,17}$/,
    (id) => {
      const words = `Value (${id}) for parameter snapshotId is invalid. Expected: 'snap-...'.`;
      return new Refusal("InvalidParameterValue", words);
    },
  ],
);

export const volumes = kind(
  "volume",
  (slice) => slice.volumes,
  absent("InvalidVolume.NotFound", (id) => `The volume '${id}' does not exist.`),
  expecting("vol", "InvalidVolumeID.Malformed"),
);

export const natGateways = kind(
  "natgateway",
  (slice) => slice.natGateways,
  absent("NatGatewayNotFound", (id) => `NatGateway ${id} was not found`),
);

export const endpoints = kind(
  "vpc-endpoint",
  (slice) => slice.endpoints,
  notFound("InvalidVpcEndpointId.NotFound", "Vpc Endpoint Id"),
);

export const interfaces = kind(
  "network-interface",
  (slice) => slice.interfaces,
  notFound("InvalidNetworkInterfaceID.NotFound", "networkInterface ID"),
);

export const internetGateways = kind(
  "internet-gateway",
  (slice) => slice.internetGateways,
  notFound("InvalidInternetGatewayID.NotFound", "internetGateway ID"),
);

export const routeTables = kind(
  "route-table",
  (slice) => slice.routeTables,
  notFound("InvalidRouteTableID.NotFound", "routeTable ID"),
);

export const rules = kind(
  "security-group-rule",
  (slice) => slice.rules,
  notFound("InvalidSecurityGroupRuleId.NotFound", "security group rule ID"),
);

export const subnets = kind("subnet", (slice) => slice.subnets, notFound("InvalidSubnetID.NotFound", "subnet ID"));

export const vpcs = kind("vpc", (slice) => slice.vpcs, notFound("InvalidVpcID.NotFound", "vpc ID"));

export function namedGroups(call: Call, ids: readonly string[]): { GroupId: string; GroupName: string | undefined }[] {
  return ids.map((GroupId) => ({ GroupId, GroupName: securityGroups.find(call, GroupId)?.name }));
}

const BY_PREFIX: Readonly<Record<string, Kind<object>>> = {
  ami: images,
  eni: interfaces,
  i: instances,
  igw: internetGateways,
  lt: launchTemplates,
  nat: natGateways,
  rtb: routeTables,
  sg: securityGroups,
  sgr: rules,
  snap: snapshots,
  subnet: subnets,
  vol: volumes,
  vpc: vpcs,
  vpce: endpoints,
};

/** The kind of thing that an id's prefix says. */
export function kindOf(id: string): Kind<object> {
  const kind = BY_PREFIX[id.split("-", 1)[0] ?? ""];
  if (kind === undefined) throw new Refusal("InvalidID", `The ID '${id}' is not valid`);
  return kind;
}
