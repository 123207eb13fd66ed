import type { ResourceType, Tag, TagSpecification } from "@aws-sdk/client-ec2";
import { type Call, Refusal } from "../../service.ts";
import { kindOf } from "./kinds.ts";
import { listed } from "./listing.ts";
import { type Ec2Operations, ec2Slice } from "./slice.ts";

const MOST_TAGS = 50;

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

function mustExist(call: Call, ids: readonly string[]): void {
  for (const id of ids) {
    const kind = kindOf(id);
    if (kind.find(call, id) === undefined) throw kind.absent([id]);
  }
}

export const tagOperations = {
  CreateTags({ Resources = [], Tags = [] }, call) {
    mustExist(call, Resources);
    const tags = checked(Tags);
    for (const id of Resources) setTags(call, id, tags);
  },

  DeleteTags({ Resources = [], Tags }, call) {
    mustExist(call, Resources);
    for (const id of Resources) {
      const tags = ec2Slice(call).tags[id];
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
    const { items, nextToken } = listed(call, input, all, {
      key: ({ key }) => key,
      value: ({ value }) => value,
      "resource-id": ({ resourceId }) => resourceId,
      "resource-type": ({ resourceId }) => kindOf(resourceId).type,
    });
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
