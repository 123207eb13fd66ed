import type { Constraint, Service } from "../service.ts";
import { eventOperations } from "./logs/events.ts";
import { groupOperations } from "./logs/groups.ts";

export { groupExists, makeGroup, writeLines } from "./logs/state.ts";

const groupName: Constraint = { pattern: /^[.\-_/#A-Za-z0-9]+$/, length: [1, 512] };
const streamName: Constraint = { pattern: /^[^:*]*$/, length: [1, 512] };
const pageLimit: Constraint = { range: [1, 50] };
const lineLimit: Constraint = { range: [1, 10_000] };
const ofGroup = { logGroupName: groupName };
const ofStream = { ...ofGroup, logStreamName: streamName };

export const logs: Service = {
  name: "logs",
  client: () => import("@aws-sdk/client-cloudwatch-logs"),
  operations: {
    ...eventOperations,
    ...groupOperations,
  },
  constraints: {
    CreateLogGroup: {
      ...ofGroup,
      logGroupClass: { oneOf: ["STANDARD", "INFREQUENT_ACCESS", "DELIVERY"] },
      tags: { length: [1, 50] },
    },
    CreateLogStream: ofStream,
    DeleteLogGroup: ofGroup,
    DeleteLogStream: ofStream,
    DeleteRetentionPolicy: ofGroup,
    DescribeLogGroups: { logGroupNamePrefix: groupName, limit: pageLimit },
    DescribeLogStreams: {
      ...ofGroup,
      logStreamNamePrefix: streamName,
      orderBy: { oneOf: ["LogStreamName", "LastEventTime"] },
      limit: pageLimit,
    },
    FilterLogEvents: { ...ofGroup, limit: lineLimit },
    GetLogEvents: { ...ofStream, limit: lineLimit },
    ListTagsForResource: { resourceArn: { length: [1, 1011] } },
    PutLogEvents: {
      ...ofStream,
      logEvents: { length: [1, 10_000] },
      "logEvents[].message": { length: [1, 1_048_576] },
    },
    PutRetentionPolicy: ofGroup,
    TagResource: { resourceArn: { length: [1, 1011] }, tags: { length: [1, 50] } },
  },
};
