import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import {
  CreateLaunchTemplateCommand,
  CreateSecurityGroupCommand,
  DescribeSecurityGroupsCommand,
  DescribeVpcsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callsIn as logIn } from "../../sandbox/calls.ts";
import { advanceSandbox, BrokenFile, type RunningSandbox, startSandbox } from "../../sandbox/start.ts";

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
    const { endpoint } = await start();
    writeFileSync(join(folder, "faults.json"), "[");
    const authorization =
      "AWS4-HMAC-SHA256 Credential=A/20261121/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=0";
    const answer = await fetch(endpoint, {
      method: "POST",
      headers: { authorization },
      body: "Action=GetCallerIdentity",
    });
    expect([answer.status, await answer.text()]).toEqual([500, expect.stringContaining("faults.json:1:2 is not JSON")]);
  });

  it("does not begin with a broken fault file", async () => {
    writeFileSync(join(folder, "faults.json"), "[");
    await expect(start()).rejects.toThrow(BrokenFile);
  });

  it("answers to its own names only", async () => {
    const { endpoint } = await start();
    const { port } = new URL(endpoint);
    const statusFor = (host: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        request({ port, host: "127.0.0.1", headers: { host } }, (answer) => resolve(answer.resume().statusCode))
          .on("error", reject)
          .end();
      });
    // What its own name gets is AWS's answer to a request without a signature, which is 403 as well.
    const wordsFor = async (host: string) => {
      const answer = await new Promise<IncomingMessage>((resolve, reject) => {
        request({ port, host: "127.0.0.1", headers: { host } }, resolve).on("error", reject).end();
      });
      return text(answer);
    };
    for (const name of ["127.0.0.1", `localhost:${port}`, `[::1]:${port}`]) {
      expect(await wordsFor(name)).toContain("MissingAuthenticationToken");
    }
    for (const name of ["evil.example.com", `127.0.0.1.example.com:${port}`, "localhost.example.com"]) {
      expect(await statusFor(name)).toBe(403);
      expect(await wordsFor(name)).toBe(`sandbox: it answers to 127.0.0.1 and localhost, not to ${name}\n`);
    }
  });

  it("takes no request that is longer than any of AWS's", async () => {
    const { endpoint } = await start();
    const { port } = new URL(endpoint);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const asking = request({ port, host: "127.0.0.1", method: "POST" }, (answer) =>
        resolve(answer.resume().statusCode),
      );
      // It may hang up before all is sent.
      asking.on(
        "error",
        (error: NodeJS.ErrnoException) => error.code !== "EPIPE" && error.code !== "ECONNRESET" && reject(error),
      );
      asking.end(Buffer.alloc(9 * 1024 * 1024));
    });
    expect(status).toBe(413);
    await clientOf(running[0]!).send(new DescribeVpcsCommand({}));
  });

  it("keeps its log of calls within bounds: the full one is put aside, one before that is forgotten", () => {
    const log = logIn(folder, 200);
    const record = { at: "", service: "s", region: "r", kind: "read", input: undefined, outcome: "ok" } as const;
    for (let call = 0; call < 20; call++) log({ ...record, operation: `Call${call}` });
    const linesIn = (name: string) => readFileSync(join(folder, name), "utf8").trim().split("\n");
    const kept = [...linesIn("calls.1.jsonl"), ...linesIn("calls.jsonl")];
    expect(kept.map((line) => JSON.parse(line).operation).at(-1)).toBe("Call19");
    expect(kept.length).toBeLessThan(8);
    expect(readdirSync(folder).sort()).toEqual(["calls.1.jsonl", "calls.jsonl"]);
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
