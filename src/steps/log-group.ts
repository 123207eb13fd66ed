import {
  CreateLogGroupCommand,
  DeleteLogGroupCommand,
  ListTagsForResourceCommand,
  type LogGroup,
  PutRetentionPolicyCommand,
  paginateDescribeLogGroups,
  TagResourceCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import type { Cloud } from "../aws/clients.ts";
import { orNothing } from "../aws/errors.ts";
import { driftOf, type Fields, repair } from "../aws/fields.ts";
import { fingerprintTags, fromTags, logGroupOf, type Tags, tagsOf, tagsOnRecord } from "../aws/tags.ts";
import type { FindContext, Step } from "../engine/step.ts";

export interface LogGroupInputs {
  /** One of the numbers CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90 … */
  readonly retentionDays: number;
  readonly kmsKeyId?: string | undefined;
}

export interface LogGroupOutput {
  readonly logGroupName: string;
  /** Without the `:*` that policies want at its end. */
  readonly arn: string;
}

/** The environment's log group; what is in it goes with it. */
export const logGroup: Step<LogGroupInputs, LogGroupOutput, unknown, Cloud> = {
  kind: "log-group",
  naming: "fixed",
  // An agent that is being shut down makes the group that it writes to again.
  comesBack: true,
  pace: { expectMs: 0, everyMs: 2_000, timeoutMs: 5 * 60_000 },

  fixed: ({ kmsKeyId }) => ({ kmsKeyId }),

  async find(context) {
    const { cloud, inputs, name } = context;
    const logGroupName = logGroupOf(name);
    const live = await groupNamed(cloud, logGroupName);
    if (!live) return [];
    const arn = live.arn!.replace(/:\*$/, "");
    const answer = await orNothing(cloud.logs.send(new ListTagsForResourceCommand({ resourceArn: arn })));
    if (!answer) return [];
    const origin = fromTags(context, answer.tags ?? {});
    return [
      {
        ref: logGroupName,
        ...origin,
        hint: origin.owned ? undefined : hintFor(context, logGroupName, arn, answer.tags),
        state: "ready",
        createdAt: live.creationTime === undefined ? undefined : new Date(live.creationTime),
        output: { logGroupName, arn },
        drift: inputs && driftOf(FIELDS, inputs, live),
      },
    ];
  },

  async create(context) {
    const { cloud, inputs, name } = context;
    const logGroupName = logGroupOf(name);
    await cloud.logs.send(
      new CreateLogGroupCommand({ logGroupName, kmsKeyId: inputs.kmsKeyId, tags: { ...tagsOf(context) } }),
    );
    return logGroupName;
  },

  async stamp(context, { output }) {
    const tags = { ...fingerprintTags(context) };
    await context.cloud.logs.send(new TagResourceCommand({ resourceArn: output!.arn, tags }));
  },

  update: (context, found) => repair(FIELDS, context, found),

  async destroy({ cloud }, { ref }) {
    await orNothing(cloud.logs.send(new DeleteLogGroupCommand({ logGroupName: ref })));
  },
};

const FIELDS: Fields<LogGroupInputs, LogGroup> = {
  retentionDays: {
    want: ({ retentionDays }) => retentionDays,
    have: ({ retentionInDays }) => retentionInDays,
    repair: ({ cloud, inputs: { retentionDays: retentionInDays } }, { ref: logGroupName }) =>
      cloud.logs.send(new PutRetentionPolicyCommand({ logGroupName, retentionInDays })),
  },
};

/** What to type over a group that has our name and not our tags; nothing over one that has somebody else's. */
function hintFor(
  context: FindContext<LogGroupInputs, Cloud>,
  logGroupName: string,
  arn: string,
  tags: Tags = {},
): string | undefined {
  const { region, known = {} } = context;
  const record = known[logGroupName];
  if (record) {
    const given = Object.entries(tagsOnRecord(context, record)).map(([key, value]) => `${key}=${value}`);
    return `give it its tags back, then run the same command again: aws logs tag-resource --region ${region} --resource-arn ${arn} --tags ${given.join(",")}`;
  }
  if (Object.keys(tags).length > 0) return undefined;
  const command = `aws logs delete-log-group --region ${region} --log-group-name ${logGroupName}`;
  return `if nobody needs it (an agent that was shut down late may have made it): ${command}`;
}

async function groupNamed({ logs }: Cloud, logGroupName: string): Promise<LogGroup | undefined> {
  for await (const page of paginateDescribeLogGroups({ client: logs }, { logGroupNamePrefix: logGroupName })) {
    const group = page.logGroups?.find((one) => one.logGroupName === logGroupName);
    if (group) return group;
  }
  return undefined;
}
