import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CloudWatchLogsClient, CreateLogGroupCommand, DescribeLogGroupsCommand } from "@aws-sdk/client-cloudwatch-logs";
import {
  CreateSecurityGroupCommand,
  DescribeRegionsCommand,
  DescribeSecurityGroupsCommand,
  DescribeVpcsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { describe, expect, it } from "vitest";
import { type Fault, faultsIn } from "../../sandbox/faults.ts";
import { codeOf, memory } from "./memory.ts";

const createGroup = new CreateSecurityGroupCommand({ GroupName: "g", Description: "d" });

async function outcomes(fault: Fault, calls = 4): Promise<string[]> {
  const lab = memory();
  lab.faults.push(fault);
  const ec2 = new EC2Client(lab.config());
  const outcome = async () => {
    try {
      await ec2.send(new DescribeVpcsCommand({}));
      return "ok";
    } catch (error) {
      return (error as Error).name;
    }
  };
  const list: string[] = [];
  for (let turn = 0; turn < calls; turn++) list.push(await outcome());
  return list;
}

const throttle = { code: "RequestLimitExceeded", message: "Request limit exceeded.", status: 503 };

describe("a scripted fault", () => {
  it("hits the nth call, these calls, every so many, or all", async () => {
    const [ok, hit] = ["ok", "RequestLimitExceeded"];
    expect(await outcomes({ operation: "DescribeVpcs", nth: 2, error: throttle })).toEqual([ok, hit, ok, ok]);
    expect(await outcomes({ operation: "DescribeVpcs", nth: [1, 3], error: throttle })).toEqual([hit, ok, hit, ok]);
    expect(await outcomes({ service: "ec2", every: 2, error: throttle })).toEqual([ok, hit, ok, hit]);
    expect(await outcomes({ operation: "Describe*", error: throttle })).toEqual([hit, hit, hit, hit]);
    expect(await outcomes({ probability: 0, error: throttle })).toEqual([ok, ok, ok, ok]);
    expect(await outcomes({ probability: 1, error: throttle })).toEqual([hit, hit, hit, hit]);
  });

  it("spares other operations, services and regions, and does not count them", async () => {
    const lab = memory();
    lab.faults.push({ service: "ec2", operation: "DescribeVpcs", region: "us-east-1", nth: 1, error: throttle });
    const [here, there] = [new EC2Client(lab.config()), new EC2Client(lab.config("us-west-2"))];
    await new STSClient(lab.config()).send(new GetCallerIdentityCommand({}));
    await here.send(new DescribeRegionsCommand({}));
    await there.send(new DescribeVpcsCommand({}));
    expect(await codeOf(here.send(new DescribeVpcsCommand({})))).toBe("RequestLimitExceeded");
  });

  it("changes whole words of an answer, and adds fields that no client knows, in every protocol", async () => {
    const lab = memory();
    const words = { available: "optimizing", "default VPC security group": "<new> & odd" };
    lab.faults.push({ operation: "Describe*", answer: { words, add: { novelty: "yes" } } });
    const ec2 = new EC2Client(lab.config());
    const { Vpcs } = await ec2.send(new DescribeVpcsCommand({}));
    expect(Vpcs?.map(({ State }) => State)).toEqual(["optimizing", "optimizing"]);
    const { SecurityGroups } = await ec2.send(new DescribeSecurityGroupsCommand({}));
    expect(SecurityGroups?.map(({ Description }) => Description)).toEqual(["<new> & odd", "<new> & odd"]);
    const logs = new CloudWatchLogsClient(lab.config());
    await logs.send(new CreateLogGroupCommand({ logGroupName: "g" }));
    lab.faults.push({ service: "logs", answer: { words: { STANDARD: "GLACIAL" }, member: "logGroupClass" } });
    lab.faults.push({ service: "logs", answer: { words: { g: "other" }, member: "elsewhere" } });
    const { logGroups } = await logs.send(new DescribeLogGroupsCommand({}));
    expect(logGroups).toMatchObject([{ logGroupName: "g", logGroupClass: "GLACIAL" }]);
    const answer = await lab.sandbox.request({
      method: "POST",
      path: "/",
      headers: {
        authorization:
          "AWS4-HMAC-SHA256 Credential=A/20261121/us-east-1/logs/aws4_request, SignedHeaders=h, Signature=0",
        "x-amz-target": "Logs_20140328.DescribeLogGroups",
      },
      body: "{}",
    });
    expect(JSON.parse(answer.body)).toMatchObject({ novelty: "yes", logGroups: [{ novelty: "yes" }] });
  });

  it("answers with the status it was given, and nothing is done", async () => {
    const lab = memory();
    lab.faults.push({ operation: "CreateSecurityGroup", nth: 1, error: { code: "InternalError", status: 500 } });
    const ec2 = new EC2Client(lab.config());
    await expect(ec2.send(createGroup)).rejects.toMatchObject({
      name: "InternalError",
      $metadata: { httpStatusCode: 500 },
    });
    expect(await groupsNamed(ec2, lab.clock)).toBe(0);
  });

  it("can be answered although all was done", async () => {
    const lab = memory();
    lab.faults.push({ operation: "CreateSecurityGroup", error: { code: "InternalError", status: 500, done: true } });
    const ec2 = new EC2Client(lab.config());
    expect(await codeOf(ec2.send(createGroup))).toBe("InternalError");
    expect(await groupsNamed(ec2, lab.clock)).toBe(1);
  });

  it("can break the connection before anything was done", async () => {
    const lab = memory();
    lab.faults.push({ operation: "CreateSecurityGroup", reset: "before" });
    const ec2 = new EC2Client(lab.config());
    await expect(ec2.send(createGroup)).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(await groupsNamed(ec2, lab.clock)).toBe(0);
    expect(lab.calls.find(({ operation }) => operation === "CreateSecurityGroup")?.outcome).toBe("reset");
  });

  it("can lose the answer after all was done", async () => {
    const lab = memory();
    lab.faults.push({ operation: "CreateSecurityGroup", reset: "after" });
    const ec2 = new EC2Client(lab.config());
    await expect(ec2.send(createGroup)).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(await groupsNamed(ec2, lab.clock)).toBe(1);
  });

  it("can make an answer slow, in virtual time", async () => {
    const lab = memory();
    lab.faults.push({ operation: "DescribeVpcs", slowMs: 45_000 });
    const before = lab.clock.now();
    await new EC2Client(lab.config()).send(new DescribeVpcsCommand({}));
    expect(lab.clock.now() - before).toBe(45_000);
  });

  it("can keep what was made out of sight for a while, in virtual time", async () => {
    const lab = memory();
    lab.faults.push({ operation: "CreateSecurityGroup", unseenMs: 60_000 });
    const ec2 = new EC2Client(lab.config());
    const { GroupId } = await ec2.send(createGroup);
    lab.clock.advance(50_000);
    expect(await codeOf(ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: [GroupId!] })))).toBe(
      "InvalidGroup.NotFound",
    );
    expect(await groupsNamed(ec2, lab.clock)).toBe(0);
    expect(await groupsNamed(ec2, lab.clock)).toBe(1);
  });

  it("that decides a fate is used up by the thing it decides, not by a refused request", async () => {
    const lab = memory();
    lab.faults.push({ operation: "RunInstances", nth: 1, fate: { kind: "capacity" } });
    const ec2 = new EC2Client(lab.config());
    const { RunInstancesCommand, DescribeImagesCommand } = await import("@aws-sdk/client-ec2");
    const { Images } = await ec2.send(
      new DescribeImagesCommand({ Owners: ["amazon"], Filters: [{ Name: "architecture", Values: ["x86_64"] }] }),
    );
    const run = (ImageId: string) =>
      ec2.send(new RunInstancesCommand({ ImageId, InstanceType: "t3.micro", MinCount: 1, MaxCount: 1 }));
    expect(await codeOf(run("ami-00000000000000000"))).toBe("InvalidAMIID.NotFound");
    expect(await codeOf(run(Images![0]!.ImageId!))).toBe("InsufficientInstanceCapacity");
    expect((await run(Images![0]!.ImageId!)).Instances).toHaveLength(1);
  });

  it("is read from faults.json, again when that changes, and refused when it is no fault", () => {
    const folder = mkdtempSync(join(tmpdir(), "sandbox-faults-"));
    try {
      const read = faultsIn(folder);
      expect(read()).toEqual([]);
      writeFileSync(join(folder, "faults.json"), JSON.stringify([{ operation: "RunInstances", error: { code: "E" } }]));
      expect(read()).toHaveLength(1);
      rmSync(join(folder, "faults.json"));
      expect(read()).toEqual([]);
      writeFileSync(join(folder, "faults.json"), '[{"operation": "X"}]');
      expect(() => faultsIn(folder)()).toThrow(/faults\.json must be a list of faults/);
      for (const [aim, words] of [
        [{ operation: "RunInstnces" }, /fault 1 of 1: there is no operation RunInstnces here; .*: RunInstances$/],
        [{ service: "fsx", operation: "RunInstances" }, /fault 1 of 1: fsx has no operation RunInstances here/],
        [{ service: "lambda" }, /fault 1 of 1: there is no service lambda; the sandbox has iam, ec2, /],
      ] as const) {
        writeFileSync(join(folder, "faults.json"), JSON.stringify([{ ...aim, reset: "before" }]));
        expect(() => faultsIn(folder)()).toThrow(words);
      }
      writeFileSync(join(folder, "faults.json"), "[");
      expect(() => faultsIn(folder)()).toThrow(/faults\.json:1:2 is not JSON: /);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

async function groupsNamed(ec2: EC2Client, clock: { advance(ms: number): void }): Promise<number> {
  clock.advance(10_000);
  const filter = { Name: "group-name", Values: ["g"] };
  const { SecurityGroups } = await ec2.send(new DescribeSecurityGroupsCommand({ Filters: [filter] }));
  return SecurityGroups?.length ?? 0;
}
