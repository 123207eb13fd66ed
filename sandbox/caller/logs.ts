import type { Call } from "../service.ts";
import { groupArn, groupNameIn, groups } from "../services/logs/state.ts";
import { ANYTHING, alike, type Demand, type Table, tagsOfRequest, tagsOfResource } from "./demands.ts";

interface OfGroup {
  readonly logGroupName?: string;
  readonly logGroupIdentifier?: string;
  readonly logStreamName?: string;
  readonly resourceArn?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html */
export const logs: Table = {
  DescribeLogGroups: ANYTHING,
  ...alike(
    [
      "DeleteLogGroup",
      "DeleteRetentionPolicy",
      "DescribeLogStreams",
      "FilterLogEvents",
      "ListTagsLogGroup",
      "PutRetentionPolicy",
      "TagLogGroup",
      "UntagLogGroup",
    ],
    (input: OfGroup, call) => [onGroup(call, input)],
  ),
  ...alike(["CreateLogStream", "DeleteLogStream", "GetLogEvents", "PutLogEvents"], (input: OfGroup, call) => [
    onGroup(call, input, input.logStreamName),
  ]),
  CreateLogGroup: ({ logGroupName = "", tags }: OfGroup, call: Call) => {
    const keys = tagsOfRequest(tags);
    const resource = groupArn(call, logGroupName);
    // The group is asked for as if it were one of its streams, and to be tagged as itself.
    return [
      { resource: `${resource}:log-stream:`, keys },
      ...(tags === undefined ? [] : [{ action: "logs:TagResource", resource, keys }]),
    ];
  },
  ...alike(["TagResource", "UntagResource", "ListTagsForResource"], ({ resourceArn = "", tags }: OfGroup, call) => {
    const group = groups.find(call, groupNameIn(resourceArn));
    return [{ resource: resourceArn, keys: { ...tagsOfResource(group?.tags), ...tagsOfRequest(tags) } }];
  }),
};

function onGroup(call: Call, { logGroupName, logGroupIdentifier, tags }: OfGroup, stream = ""): Demand {
  const name = logGroupName ?? groupNameIn(logGroupIdentifier) ?? logGroupIdentifier ?? "";
  return {
    resource: `${groupArn(call, name)}:log-stream:${stream}`,
    keys: { ...tagsOfResource(groups.find(call, name)?.tags), ...tagsOfRequest(tags) },
  };
}
