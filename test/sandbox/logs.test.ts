import {
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  DeleteLogGroupCommand,
  DeleteRetentionPolicyCommand,
  DescribeLogGroupsCommand,
  DescribeLogStreamsCommand,
  FilterLogEventsCommand,
  GetLogEventsCommand,
  ListTagsForResourceCommand,
  ListTagsLogGroupCommand,
  PutLogEventsCommand,
  PutRetentionPolicyCommand,
  TagResourceCommand,
  UntagResourceCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { beforeEach, describe, expect, it } from "vitest";
import { type ServiceLab, serviceLab, wordsOf } from "./service-lab.ts";

const logGroupName = "/bootstrap/lab";
let lab: ServiceLab;

beforeEach(async () => {
  lab = serviceLab();
  await lab.logs.send(new CreateLogGroupCommand({ logGroupName, tags: { a: "1" } }));
});

describe("a log group", () => {
  const arn = `arn:aws:logs:us-east-1:123456789012:log-group:${logGroupName}`;

  it("is made once and told from what is not there", async () => {
    expect(await wordsOf(lab.logs.send(new CreateLogGroupCommand({ logGroupName })))).toBe(
      "ResourceAlreadyExistsException: The specified log group already exists",
    );
    await lab.logs.send(new DeleteLogGroupCommand({ logGroupName }));
    expect(await wordsOf(lab.logs.send(new DeleteLogGroupCommand({ logGroupName })))).toBe(
      "ResourceNotFoundException: The specified log group does not exist.",
    );
  });

  it("has two ARNs: one ends in :*", async () => {
    const { logGroups } = await lab.logs.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: "/boot" }));
    expect(logGroups).toHaveLength(1);
    expect(logGroups![0]).toMatchObject({ logGroupName, arn: `${arn}:*`, logGroupArn: arn });
    expect(logGroups![0]).not.toHaveProperty("retentionInDays");
  });

  it("keeps for ever unless told for how many days, of those AWS has", async () => {
    const put = (retentionInDays: number) =>
      lab.logs.send(new PutRetentionPolicyCommand({ logGroupName, retentionInDays }));
    await put(30);
    const days = async () => (await lab.logs.send(new DescribeLogGroupsCommand({}))).logGroups![0]!.retentionInDays;
    expect(await days()).toBe(30);
    expect(await wordsOf(put(31))).toMatch(/^InvalidParameterException: .*enum value set: \[1, 3, 5/);
    await lab.logs.send(new DeleteRetentionPolicyCommand({ logGroupName }));
    expect(await days()).toBeUndefined();
  });

  it("is tagged by the ARN without :*, and read by the old names too", async () => {
    await lab.logs.send(new TagResourceCommand({ resourceArn: arn, tags: { b: "2" } }));
    await lab.logs.send(new UntagResourceCommand({ resourceArn: arn, tagKeys: ["a"] }));
    expect((await lab.logs.send(new ListTagsForResourceCommand({ resourceArn: arn }))).tags).toEqual({ b: "2" });
    expect((await lab.logs.send(new ListTagsLogGroupCommand({ logGroupName }))).tags).toEqual({ b: "2" });
    const starred = lab.logs.send(new ListTagsForResourceCommand({ resourceArn: `${arn}:*` }));
    expect(await wordsOf(starred)).toMatch(/^InvalidParameterException/);
  });

  it("must have a name AWS could give", async () => {
    const create = lab.logs.send(new CreateLogGroupCommand({ logGroupName: "with space" }));
    expect(await wordsOf(create)).toMatch(/^InvalidParameterException: 1 validation error detected/);
  });
});

describe("log events", () => {
  const logStreamName = "stream";
  const put = (...messages: string[]) =>
    lab.logs.send(
      new PutLogEventsCommand({
        logGroupName,
        logStreamName,
        logEvents: messages.map((message, index) => ({ timestamp: lab.clock.now() + index, message })),
      }),
    );
  const get = (input: Partial<ConstructorParameters<typeof GetLogEventsCommand>[0]> = {}) =>
    lab.logs.send(new GetLogEventsCommand({ logGroupName, logStreamName, startFromHead: true, ...input }));

  beforeEach(async () => {
    await lab.logs.send(new CreateLogStreamCommand({ logGroupName, logStreamName }));
  });

  it("are read in pages; at the end the forward token stays as it is", async () => {
    await put("one", "two", "three");
    const first = await get({ limit: 2 });
    expect(first.events!.map(({ message }) => message)).toEqual(["one", "two"]);
    const second = await get({ nextToken: first.nextForwardToken });
    expect(second.events!.map(({ message }) => message)).toEqual(["three"]);
    const third = await get({ nextToken: second.nextForwardToken });
    expect(third.events).toEqual([]);
    expect(third.nextForwardToken).toBe(second.nextForwardToken);
    lab.pass(1);
    await put("four");
    const fourth = await get({ nextToken: third.nextForwardToken });
    expect(fourth.events!.map(({ message }) => message)).toEqual(["four"]);
  });

  it("are read from the tail unless asked otherwise", async () => {
    await put("one", "two", "three");
    const { events } = await get({ startFromHead: false, limit: 1 });
    expect(events!.map(({ message }) => message)).toEqual(["three"]);
  });

  it("must come in the order of time, into a stream that is there", async () => {
    const late = { timestamp: lab.clock.now(), message: "late" };
    const early = { timestamp: lab.clock.now() - 1, message: "early" };
    const unordered = new PutLogEventsCommand({ logGroupName, logStreamName, logEvents: [late, early] });
    expect(await wordsOf(lab.logs.send(unordered))).toMatch(/chronological order/);
    const nowhere = new PutLogEventsCommand({ logGroupName, logStreamName: "none", logEvents: [late] });
    expect(await wordsOf(lab.logs.send(nowhere))).toBe(
      "ResourceNotFoundException: The specified log stream does not exist.",
    );
  });

  it("are found by their words across streams", async () => {
    await put("ERROR disk full", "all is well", "ERROR disk gone");
    const { events } = await lab.logs.send(
      new FilterLogEventsCommand({ logGroupName, filterPattern: 'ERROR -"disk gone"' }),
    );
    expect(events!.map(({ message }) => message)).toEqual(["ERROR disk full"]);
  });

  it("are forgotten after the days their group keeps them", async () => {
    await put("one");
    await lab.logs.send(new PutRetentionPolicyCommand({ logGroupName, retentionInDays: 1 }));
    lab.pass(2 * 86_400);
    expect((await get()).events).toEqual([]);
  });

  it("give their stream its first and last moment", async () => {
    await put("one", "two");
    const { logStreams } = await lab.logs.send(
      new DescribeLogStreamsCommand({ logGroupName, orderBy: "LastEventTime", descending: true }),
    );
    expect(logStreams![0]).toMatchObject({
      logStreamName,
      firstEventTimestamp: lab.clock.now(),
      lastEventTimestamp: lab.clock.now() + 1,
    });
  });
});
