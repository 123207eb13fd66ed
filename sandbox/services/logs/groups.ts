import type { LogGroup } from "@aws-sdk/client-cloudwatch-logs";
import { type Call, Refusal } from "../../service.ts";
import { type TagMap, withoutTags } from "../key-value-tags.ts";
import {
  alreadyExists,
  groupArn,
  groupExists,
  groupNameIn,
  groups,
  invalidParameter,
  type LogGroupState,
  type LogsOperations,
  newGroup,
  notFound,
  paged,
} from "./state.ts";

const RETENTION_DAYS: readonly number[] = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];
const TAG_LIMIT = 50;

export const groupOperations = {
  CreateLogGroup(input, call) {
    const name = input.logGroupName!;
    if (groupExists(call, name)) throw alreadyExists("The specified log group already exists");
    groups.add(call, name, {
      ...newGroup(call, name),
      logClass: input.logGroupClass ?? "STANDARD",
      kmsKeyId: input.kmsKeyId,
      tags: checkedTags(input.tags ?? {}),
    });
    return {};
  },

  DeleteLogGroup(input, call) {
    groups.remove(call, groups.get(call, input.logGroupName).name);
    return {};
  },

  DescribeLogGroups(input, call) {
    const { logGroupNamePrefix: prefix, logGroupNamePattern: pattern, logGroupIdentifiers: identifiers } = input;
    if (prefix !== undefined && pattern !== undefined) {
      throw invalidParameter("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.");
    }
    const named = identifiers?.map(groupNameIn);
    const fitting = groups
      .visible(call)
      .filter(
        ({ name, logClass }) =>
          name.startsWith(prefix ?? "") &&
          name.toLowerCase().includes((pattern ?? "").toLowerCase()) &&
          (named?.includes(name) ?? true) &&
          logClass === (input.logGroupClass ?? logClass),
      );
    // Sorted by name, as this service documents.
    const { items, next } = paged(call, input, fitting, ({ name }) => name);
    return { logGroups: items.map((group) => shown(call, group)), ...next };
  },

  PutRetentionPolicy(input, call) {
    const group = groups.get(call, input.logGroupName);
    if (!RETENTION_DAYS.includes(input.retentionInDays!)) {
      throw invalidParameter(
        `1 validation error detected: Value '${input.retentionInDays}' at 'retentionInDays' failed to satisfy ` +
          `constraint: Member must satisfy enum value set: [${RETENTION_DAYS.join(", ")}]`,
      );
    }
    group.retentionDays = input.retentionInDays;
    return {};
  },

  DeleteRetentionPolicy(input, call) {
    groups.get(call, input.logGroupName).retentionDays = undefined;
    return {};
  },

  TagResource(input, call) {
    const group = taggable(call, input.resourceArn!);
    group.tags = checkedTags({ ...group.tags, ...input.tags });
    return {};
  },

  UntagResource(input, call) {
    const group = taggable(call, input.resourceArn!);
    group.tags = withoutTags(group.tags, input.tagKeys);
    return {};
  },

  ListTagsForResource(input, call) {
    return { tags: { ...taggable(call, input.resourceArn!).tags } };
  },

  TagLogGroup(input, call) {
    const group = groups.get(call, input.logGroupName);
    group.tags = checkedTags({ ...group.tags, ...input.tags });
    return {};
  },

  UntagLogGroup(input, call) {
    const group = groups.get(call, input.logGroupName);
    group.tags = withoutTags(group.tags, input.tags);
    return {};
  },

  ListTagsLogGroup(input, call) {
    return { tags: { ...groups.get(call, input.logGroupName).tags } };
  },
} satisfies LogsOperations;

function shown(call: Call, group: LogGroupState): LogGroup {
  const arn = groupArn(call, group.name);
  const bytes = Object.values(group.streams).flatMap(({ lines }) => lines.map(({ message }) => message.length + 26));
  return {
    logGroupName: group.name,
    creationTime: group.createdAt,
    ...(group.retentionDays !== undefined && { retentionInDays: group.retentionDays }),
    metricFilterCount: 0,
    arn: `${arn}:*`,
    logGroupArn: arn,
    storedBytes: bytes.reduce((sum, size) => sum + size, 0),
    ...(group.kmsKeyId !== undefined && { kmsKeyId: group.kmsKeyId }),
    logGroupClass: group.logClass,
  };
}

/** Tagging takes the ARN without the `:*` that DescribeLogGroups gives it. */
function taggable(call: Call, arn: string): LogGroupState {
  const name = groupNameIn(arn);
  if (name === undefined || arn.endsWith(":*")) {
    throw invalidParameter(`1 validation error detected: Value '${arn}' at 'resourceArn' is not a valid resource ARN`);
  }
  const group = groups.find(call, name);
  if (group === undefined || arn !== groupArn(call, name)) throw notFound("The specified log group does not exist.");
  return group;
}

function checkedTags(tags: TagMap): TagMap {
  if (Object.keys(tags).some((key) => /^aws:/i.test(key))) {
    throw invalidParameter("Tag keys starting with aws: are reserved for system use.");
  }
  if (Object.keys(tags).length > TAG_LIMIT) {
    throw new Refusal("TooManyTagsException", "The resource can have no more than 50 tags.");
  }
  return tags;
}
