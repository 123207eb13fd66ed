import type { ResourceType, Tag, TagSpecification } from "@aws-sdk/client-ec2";
import { type Call, Refusal } from "../../service.ts";
import { filtered, paged } from "./listing.ts";
import { type Ec2Operations, type Ec2Slice, ec2Slice } from "./slice.ts";

const MOST_TAGS = 50;

interface Kind {
  readonly type: ResourceType;
  readonly code: string;
  readonly words: (id: string) => string;
  readonly table: (slice: Ec2Slice) => Readonly<Record<string, object>>;
}

/** By the id's prefix. */
const KINDS: Readonly<Record<string, Kind>> = {
  ami: {
    type: "image",
    code: "InvalidAMIID.NotFound",
    words: (id) => `The image id '[${id}]' does not exist`,
    table: ({ images }) => images,
  },
  eni: {
    type: "network-interface",
    code: "InvalidNetworkInterfaceID.NotFound",
    words: (id) => `The networkInterface ID '${id}' does not exist`,
    table: ({ interfaces }) => interfaces,
  },
  i: {
    type: "instance",
    code: "InvalidInstanceID.NotFound",
    words: (id) => `The instance ID '${id}' does not exist`,
    table: ({ instances }) => instances,
  },
  igw: {
    type: "internet-gateway",
    code: "InvalidInternetGatewayID.NotFound",
    words: (id) => `The internetGateway ID '${id}' does not exist`,
    table: ({ internetGateways }) => internetGateways,
  },
  lt: {
    type: "launch-template",
    code: "InvalidLaunchTemplateId.NotFound",
    words: (id) => `The specified launch template, with template ID ${id}, does not exist.`,
    table: ({ templates }) => templates,
  },
  nat: {
    type: "natgateway",
    code: "NatGatewayNotFound",
    words: (id) => `NatGateway ${id} was not found`,
    table: ({ natGateways }) => natGateways,
  },
  rtb: {
    type: "route-table",
    code: "InvalidRouteTableID.NotFound",
    words: (id) => `The routeTable ID '${id}' does not exist`,
    table: ({ routeTables }) => routeTables,
  },
  sg: {
    type: "security-group",
    code: "InvalidGroup.NotFound",
    words: (id) => `The security group '${id}' does not exist`,
    table: ({ groups }) => groups,
  },
  sgr: {
    type: "security-group-rule",
    code: "InvalidSecurityGroupRuleId.NotFound",
    words: (id) => `The security group rule ID '${id}' does not exist`,
    table: ({ rules }) => rules,
  },
  snap: {
    type: "snapshot",
    code: "InvalidSnapshot.NotFound",
    words: (id) => `The snapshot '${id}' does not exist.`,
    table: ({ snapshots }) => snapshots,
  },
  subnet: {
    type: "subnet",
    code: "InvalidSubnetID.NotFound",
    words: (id) => `The subnet ID '${id}' does not exist`,
    table: ({ subnets }) => subnets,
  },
  vol: {
    type: "volume",
    code: "InvalidVolume.NotFound",
    words: (id) => `The volume '${id}' does not exist.`,
    table: ({ volumes }) => volumes,
  },
  vpce: {
    type: "vpc-endpoint",
    code: "InvalidVpcEndpointId.NotFound",
    words: (id) => `The Vpc Endpoint Id '${id}' does not exist`,
    table: ({ endpoints }) => endpoints,
  },
  vpc: {
    type: "vpc",
    code: "InvalidVpcID.NotFound",
    words: (id) => `The vpc ID '${id}' does not exist`,
    table: ({ vpcs }) => vpcs,
  },
};

export function tagListOf(call: Call, id: string): Tag[] {
  return Object.entries(ec2Slice(call).tags[id] ?? {}).map(([Key, Value]) => ({ Key, Value }));
}

export function setTags(call: Call, id: string, tags: Readonly<Record<string, string>>): void {
  if (Object.keys(tags).length === 0) return;
  const { tags: all } = ec2Slice(call);
  const together = { ...all[id], ...tags };
  if (Object.keys(together).length > MOST_TAGS) {
    throw new Refusal("TagLimitExceeded", `You have reached the maximum number of tags on '${id}'`);
  }
  all[id] = together;
}

/** The tags a create call gives to things of one type; types the call cannot tag are refused. */
export function specifiedTags(
  specifications: readonly TagSpecification[] | undefined,
  taggable: readonly ResourceType[],
): (type: ResourceType) => Record<string, string> {
  const byType = new Map<string, Record<string, string>>();
  for (const { ResourceType: type, Tags = [] } of specifications ?? []) {
    if (type === undefined) throw new Refusal("MissingParameter", "The tag specification must have a resource type");
    if (!taggable.includes(type)) {
      const words = `'${type}' is not a valid taggable resource type for this operation.`;
      throw new Refusal("InvalidParameterValue", words);
    }
    if (byType.has(type)) {
      throw new Refusal("InvalidParameter", `Duplicate tag specification for resource type '${type}'`);
    }
    byType.set(type, checked(Tags));
  }
  return (type) => byType.get(type) ?? {};
}

function checked(tags: readonly Tag[]): Record<string, string> {
  const record: Record<string, string> = {};
  for (const { Key = "", Value = "" } of tags) {
    if (Key === "") throw new Refusal("InvalidParameterValue", "Tag keys cannot be empty");
    if (/^aws:/i.test(Key)) {
      throw new Refusal("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use");
    }
    if (Key.length > 128)
      throw new Refusal("InvalidParameterValue", `Tag key exceeds the maximum length of 128 characters`);
    if (Value.length > 256)
      throw new Refusal("InvalidParameterValue", `Tag value exceeds the maximum length of 256 characters`);
    if (Key in record) throw new Refusal("InvalidParameterValue", `Duplicate tag key '${Key}' specified.`);
    record[Key] = Value;
  }
  if (tags.length > MOST_TAGS) throw new Refusal("TagLimitExceeded", "More than 50 tags specified");
  return record;
}

function kindOf(id: string): Kind {
  const kind = KINDS[id.split("-", 1)[0] ?? ""];
  if (kind === undefined) throw new Refusal("InvalidID", `The ID '${id}' is not valid`);
  return kind;
}

function mustExist(slice: Ec2Slice, ids: readonly string[]): void {
  for (const id of ids) {
    const { table, code, words } = kindOf(id);
    if (!(id in table(slice))) throw new Refusal(code, words(id));
  }
}

export const tagOperations = {
  CreateTags({ Resources = [], Tags = [] }, call) {
    mustExist(ec2Slice(call), Resources);
    const tags = checked(Tags);
    for (const id of Resources) setTags(call, id, tags);
  },

  DeleteTags({ Resources = [], Tags }, call) {
    const slice = ec2Slice(call);
    mustExist(slice, Resources);
    for (const id of Resources) {
      const tags = slice.tags[id];
      if (tags === undefined) continue;
      for (const { Key, Value } of Tags ?? Object.keys(tags).map((each) => ({ Key: each, Value: undefined }))) {
        if (Key !== undefined && (Value === undefined || tags[Key] === Value)) delete tags[Key];
      }
    }
  },

  DescribeTags(input, call) {
    const all = Object.entries(ec2Slice(call).tags).flatMap(([resourceId, tags]) =>
      Object.entries(tags).map(([key, value]) => ({ id: `${resourceId} ${key}`, resourceId, key, value })),
    );
    const matching = filtered(call, all, input.Filters, {
      key: ({ key }) => key,
      value: ({ value }) => value,
      "resource-id": ({ resourceId }) => resourceId,
      "resource-type": ({ resourceId }) => kindOf(resourceId).type,
    });
    const { items, nextToken } = paged(call, matching, input);
    return {
      Tags: items.map(({ resourceId, key, value }) => ({
        ResourceId: resourceId,
        ResourceType: kindOf(resourceId).type,
        Key: key,
        Value: value,
      })),
      NextToken: nextToken,
    };
  },
} satisfies Ec2Operations;
