import {
  CreateLogGroupCommand,
  DeleteRetentionPolicyCommand,
  DescribeLogGroupsCommand,
  TagResourceCommand,
  UntagResourceCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { beforeEach, describe, expect, it } from "vitest";
import { logGroup } from "../../src/steps/log-group.ts";
import { contextOf, destroyAll, type Lab, lab, make, seeker, settle } from "./harness.ts";

describe("log-group", () => {
  let world: Lab;
  const inputs = { retentionDays: 30 };

  beforeEach(() => {
    world = lab();
  });

  it("makes one with its tags, and sets its retention as drift from birth", async () => {
    const before = world.calls.length;
    const { context, ref, found } = await make(world, logGroup, { inputs });
    expect(ref).toBe("/bootstrap/lab");
    expect(world.writesSince(before)).toEqual(["CreateLogGroup", "PutRetentionPolicy"]);
    expect(found).toMatchObject({ ref, node: "log-group", owned: true, state: "ready", drift: [] });
    expect(found).toMatchObject({ fingerprint: context.fingerprint, token: context.token.slice(-8) });
    expect(found.output.logGroupName).toBe("/bootstrap/lab");
    expect(found.output.arn).toMatch(/:log-group:\/bootstrap\/lab$/);
  });

  it("finds it without inputs and for the whole kind, with two calls, and no other whose name only begins alike", async () => {
    const { context, ref } = await make(world, logGroup, { inputs });
    await make(world, logGroup, { inputs, name: "lab-2" });
    for (const node of ["log-group", undefined]) {
      const before = world.calls.length;
      const found = await logGroup.find(seeker(context, node));
      expect(found).toMatchObject([{ ref, node: "log-group", owned: true }]);
      expect(found[0]!.drift).toBeUndefined();
      expect(world.calls.slice(before)).toHaveLength(2);
    }
    expect(await logGroup.find({ ...seeker(context), name: "la" })).toEqual([]);
  });

  it("mends a retention that was taken off", async () => {
    const { context, ref } = await make(world, logGroup, { inputs });
    await world.cloud.logs.send(new DeleteRetentionPolicyCommand({ logGroupName: ref }));
    expect((await logGroup.find(context))[0]!.drift).toEqual([{ field: "retentionDays", want: "30", have: "none" }]);
    const before = world.calls.length;
    await settle(world, logGroup, context);
    expect(world.writesSince(before)).toEqual(["PutRetentionPolicy"]);
  });

  it("changes the retention and marks it as made anew only then", async () => {
    const { ref } = await make(world, logGroup, { inputs });
    const before = world.calls.length;
    await settle(world, logGroup, contextOf(world, logGroup, { inputs: { retentionDays: 90 } }));
    expect(world.writesSince(before)).toEqual(["PutRetentionPolicy", "TagResource"]);
    const { logGroups } = await world.cloud.logs.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: ref }));
    expect(logGroups![0]!.retentionInDays).toBe(90);
  });

  it("does not own one of the same name without our tags", async () => {
    await world.cloud.logs.send(new CreateLogGroupCommand({ logGroupName: "/bootstrap/lab" }));
    const context = contextOf(world, logGroup, { inputs });
    const command = "aws logs delete-log-group --region us-east-1 --log-group-name /bootstrap/lab";
    const hint = expect.stringContaining(command) as string;
    expect(await logGroup.find(context)).toMatchObject([{ ref: "/bootstrap/lab", owned: false, hint }]);
  });

  it("says how to put the tags back on one that the manifest knows", async () => {
    const { context, ref, found } = await make(world, logGroup, { inputs });
    const { arn: resourceArn } = found.output;
    const { fingerprint, fixedFingerprint } = context;
    const tagKeys = ["env", "node", "region", "fingerprint", "fixed"].map((key) => `bootstrap:${key}`);
    await world.cloud.logs.send(new UntagResourceCommand({ resourceArn, tagKeys }));
    const known = { [ref]: { node: "log-group", fingerprint, fixedFingerprint } };
    const [bare] = await logGroup.find({ ...context, known });
    expect(bare).toMatchObject({ owned: false });

    const [, given = ""] = /aws logs tag-resource --region us-east-1 --resource-arn \S+ --tags (\S+)$/.exec(
      bare!.hint!,
    )!;
    const tags = Object.fromEntries(given.split(",").map((pair) => pair.split("=") as [string, string]));
    await world.cloud.logs.send(new TagResourceCommand({ resourceArn, tags }));
    expect(await logGroup.find({ ...context, known })).toMatchObject([{ owned: true, fingerprint, fixedFingerprint }]);
  });

  it("removes it once, and does not mind that it is gone", async () => {
    const { context, found } = await make(world, logGroup, { inputs });
    const before = world.calls.length;
    await destroyAll(world, logGroup, seeker(context, "log-group"));
    expect(world.writesSince(before)).toEqual(["DeleteLogGroup"]);
    await logGroup.destroy!(seeker(context), found);
  });
});
