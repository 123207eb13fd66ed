import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CreateLaunchTemplateCommand,
  CreateSecurityGroupCommand,
  DescribeSecurityGroupsCommand,
  DescribeVpcsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { advanceSandbox, type RunningSandbox, startSandbox } from "../../sandbox/start.ts";

let folder: string;
const running: RunningSandbox[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sandbox-start-"));
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((sandbox) => sandbox.close()));
  rmSync(folder, { recursive: true });
});

async function start(speed?: number): Promise<RunningSandbox> {
  const sandbox = await startSandbox({ folder, speed });
  running.push(sandbox);
  return sandbox;
}

function clientOf({ endpoint }: RunningSandbox): EC2Client {
  const credentials = { accessKeyId: "AKIATEST", secretAccessKey: "not-a-secret" };
  return new EC2Client({ endpoint, region: "us-east-1", credentials, maxAttempts: 1 });
}

const callsIn = () =>
  readFileSync(join(folder, "calls.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

describe("the sandbox on loopback", () => {
  it("shows one world through every endpoint, and to the next process", async () => {
    const [one, other] = [await start(100_000), await start()];
    const { GroupId } = await clientOf(one).send(new CreateSecurityGroupCommand({ GroupName: "g", Description: "d" }));
    await one.clock.sleep(10_000);
    const seen = async (sandbox: RunningSandbox) =>
      (await clientOf(sandbox).send(new DescribeSecurityGroupsCommand({ GroupIds: [GroupId!] }))).SecurityGroups
        ?.length;
    expect(await seen(other)).toBe(1);
    await one.close();
    expect(await seen(await start())).toBe(1);
  });

  it("keeps its speed until another is asked for", async () => {
    expect((await start(7)).clock.speed).toBe(7);
    expect((await start()).clock.speed).toBe(7);
    expect((await start(9)).clock.speed).toBe(9);
  });

  it("moves on by as much as it is told, also while it runs", async () => {
    const sandbox = await start(1);
    const before = sandbox.clock.now();
    const after = await advanceSandbox({ folder, ms: 30 * 86_400_000 });
    expect(after - before).toBeGreaterThanOrEqual(30 * 86_400_000);
    await clientOf(sandbox).send(new DescribeVpcsCommand({}));
    expect(sandbox.clock.now()).toBeGreaterThanOrEqual(after);
  });

  it("ends at once, though a slow answer is still to come", async () => {
    writeFileSync(join(folder, "faults.json"), JSON.stringify([{ operation: "DescribeVpcs", slowMs: 86_400_000 }]));
    const sandbox = await start(1);
    const asked = clientOf(sandbox).send(new DescribeVpcsCommand({}));
    const lost = expect(asked).rejects.toThrow();
    await new Promise<void>((resolve) => {
      const look = () => (asks() > 0 ? resolve() : setImmediate(look));
      const asks = () => statSync(join(folder, "calls.jsonl"), { throwIfNoEntry: false })?.size ?? 0;
      look();
    });
    await sandbox.close();
    await lost;
  });

  it("breaks the connection when a fault says so", async () => {
    writeFileSync(join(folder, "faults.json"), JSON.stringify([{ operation: "DescribeVpcs", reset: "before" }]));
    await expect(clientOf(await start()).send(new DescribeVpcsCommand({}))).rejects.toThrow(
      /socket hang up|ECONNRESET/,
    );
  });

  it("answers a broken fault file with what is wrong, and not with an AWS error", async () => {
    writeFileSync(join(folder, "faults.json"), "[");
    const { endpoint } = await start();
    const authorization =
      "AWS4-HMAC-SHA256 Credential=A/20261121/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=0";
    const answer = await fetch(endpoint, {
      method: "POST",
      headers: { authorization },
      body: "Action=GetCallerIdentity",
    });
    expect([answer.status, await answer.text()]).toEqual([500, expect.stringContaining("faults.json is not JSON")]);
  });

  it("logs every call: when, where, what, of which kind, and how it ended", async () => {
    const ec2 = clientOf(await start());
    await ec2.send(new DescribeVpcsCommand({ VpcIds: ["vpc-00000000000000000"] })).catch(() => undefined);
    await ec2.send(new CreateSecurityGroupCommand({ GroupName: "g", Description: "d" }));
    expect(callsIn()).toMatchObject([
      {
        service: "ec2",
        operation: "DescribeVpcs",
        region: "us-east-1",
        kind: "read",
        outcome: "InvalidVpcID.NotFound",
      },
      { operation: "CreateSecurityGroup", kind: "write", outcome: "ok", input: { GroupName: "g", Description: "d" } },
    ]);
    expect(callsIn()[0].at).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
    expect(statSync(join(folder, "calls.jsonl")).mode & 0o777).toBe(0o600);
  });

  it("logs nothing that the service's schema calls sensitive", async () => {
    const UserData = Buffer.from("password=hunter2").toString("base64");
    await clientOf(await start()).send(
      new CreateLaunchTemplateCommand({
        LaunchTemplateName: "tpl",
        LaunchTemplateData: { UserData, InstanceType: "t3.micro" },
      }),
    );
    expect(JSON.stringify(callsIn())).not.toContain(UserData);
    expect(callsIn()[0].input.LaunchTemplateData).toEqual({ InstanceType: "t3.micro", UserData: "***" });
  });
});
