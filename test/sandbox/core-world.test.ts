import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { VirtualClock } from "../../sandbox/clock.ts";
import { FolderStore } from "../../sandbox/folder-store.ts";
import { createSandbox } from "../../sandbox/sandbox.ts";
import { type Call, Refusal, type Service } from "../../sandbox/service.ts";
import { World } from "../../sandbox/world.ts";
import { memory } from "./memory.ts";

/** Counts in its slice: SendCommand adds one, GetParameter tells, CancelCommand adds one and then refuses. */
const counter: Service = {
  name: "ssm",
  client: () => import("@aws-sdk/client-ssm"),
  operations: {
    SendCommand: (_input: unknown, call: Call) => {
      countIn(call).count += 1;
    },
    CancelCommand: (_input: unknown, call: Call) => {
      countIn(call).count += 100;
      throw new Refusal("InvalidCommandId", "no");
    },
    ListCommands: (_input: unknown, call: Call) => {
      countIn(call).count += 1000;
      throw new TypeError("a bug");
    },
    GetParameter: (_input: unknown, call: Call) => ({ Parameter: { Value: String(countIn(call).count) } }),
  },
};

function countIn(call: Call): { count: number } {
  return call.slice("ssm", call.region, () => ({ count: 0 }));
}

function ask(operation: string, body: object = {}, region = "us-east-1") {
  return {
    method: "POST",
    path: "/",
    headers: {
      authorization: `AWS4-HMAC-SHA256 Credential=A/20261121/${region}/ssm/aws4_request, SignedHeaders=h, Signature=0`,
      "x-amz-target": `AmazonSSM.${operation}`,
    },
    body: JSON.stringify(body),
  };
}

const send = (region?: string) => ask("SendCommand", { DocumentName: "d" }, region);
const get = (region?: string) => ask("GetParameter", { Name: "n" }, region);
const valueIn = ({ body }: { readonly body: string }) => Number(JSON.parse(body).Parameter.Value);

describe("a world in memory", () => {
  it("keeps what a service put into its slice, apart for each region", async () => {
    const { sandbox } = memory({ services: [counter] });
    await sandbox.request(send());
    await sandbox.request(send());
    expect(valueIn(await sandbox.request(get()))).toBe(2);
    expect(valueIn(await sandbox.request(get("us-west-2")))).toBe(0);
  });

  it("forgets what a refused request did", async () => {
    const { sandbox } = memory({ services: [counter] });
    await sandbox.request(send());
    const refused = await sandbox.request(ask("CancelCommand", { CommandId: "00000000-0000-0000-0000-000000000000" }));
    expect(refused.status).toBe(400);
    expect(valueIn(await sandbox.request(get()))).toBe(1);
  });

  it("forgets what a handler did before it broke", async () => {
    const { sandbox } = memory({ services: [counter] });
    await sandbox.request(send());
    await expect(sandbox.request(ask("ListCommands"))).rejects.toThrow("a bug");
    expect(valueIn(await sandbox.request(get()))).toBe(1);
  });

  it("makes the same ids again from the same seed, and others from another", async () => {
    const idFrom = async (seed: number) => {
      const { sandbox } = memory({ services: [counter], seed });
      return (await sandbox.request(get())).headers["x-amzn-requestid"];
    };
    expect(await idFrom(5)).toBe(await idFrom(5));
    expect(await idFrom(5)).not.toBe(await idFrom(6));
  });

  it("brings services up to date before it answers, and keeps that when the request is refused", async () => {
    const due: Service = {
      ...counter,
      settle(call) {
        const slice = countIn(call);
        slice.count = Math.max(7, slice.count);
      },
    };
    const { sandbox } = memory({ services: [due] });
    await sandbox.request(ask("CancelCommand", { CommandId: "00000000-0000-0000-0000-000000000000" }));
    expect(valueIn(await sandbox.request(get()))).toBe(7);
  });
});

describe("a world in a folder", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sandbox-world-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const open = () => {
    const store = new FolderStore(folder, () => World.fresh(3, VirtualClock.startingAt(Date.now())));
    return createSandbox({ store, clock: store.clock, services: [counter] });
  };

  it("is there again for the next process, readable by its owner alone", async () => {
    await open().request(send());
    expect(valueIn(await open().request(get()))).toBe(1);
    expect(statSync(join(folder, "world.json")).mode & 0o777).toBe(0o600);
  });

  it("is written by what changes it, not by what only looks", async () => {
    const sandbox = open();
    await sandbox.request(send());
    const before = statSync(join(folder, "world.json")).mtimeMs;
    await sandbox.request(get());
    await sandbox.request(ask("CancelCommand", { CommandId: "00000000-0000-0000-0000-000000000000" }));
    expect(statSync(join(folder, "world.json")).mtimeMs).toBe(before);
  });

  it("loses nothing when several use it at once", async () => {
    const sandboxes = [open(), open(), open()];
    await Promise.all(Array.from({ length: 60 }, (_, turn) => sandboxes[turn % 3]!.request(send())));
    for (const sandbox of sandboxes) expect(valueIn(await sandbox.request(get()))).toBe(60);
    expect(readdirSync(folder)).toEqual(["world.json"]);
  });

  it("waits while another process has it", async () => {
    const sandbox = open();
    await sandbox.request(send());
    const lock = join(folder, "world.json.lock");
    writeFileSync(lock, String(process.ppid));
    const events: string[] = [];
    const asked = sandbox.request(get()).then(() => events.push("answered"));
    for (let round = 0; round < 10; round++) await new Promise((resolve) => setImmediate(resolve));
    events.push("released");
    rmSync(lock);
    await asked;
    expect(events).toEqual(["released", "answered"]);
  });

  it("is taken over from a process that died holding its lock", async () => {
    await open().request(send());
    writeFileSync(join(folder, "world.json.lock"), "999999999");
    expect(valueIn(await open().request(get()))).toBe(1);
  });

  it("says which file is broken and what to do, instead of beginning anew", () => {
    writeFileSync(join(folder, "world.json"), '{"version": 1, "ser');
    expect(open).toThrow(/cannot read the sandbox's world in .*world\.json.*remove its folder to begin anew/);
  });

  it("refuses a world of another version", () => {
    writeFileSync(join(folder, "world.json"), '{"version": 9}');
    expect(open).toThrow(/another version \(9\)/);
  });

  it("counts a change with a serial number", async () => {
    const sandbox = open();
    await sandbox.request(send());
    await sandbox.request(send());
    expect(JSON.parse(readFileSync(join(folder, "world.json"), "utf8")).serial).toBe(2);
  });
});
