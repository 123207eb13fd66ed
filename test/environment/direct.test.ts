import { expect, it } from "vitest";
import { inProcess } from "../../sandbox/in-process.ts";
import { createSandbox, type Sandbox } from "../../sandbox/sandbox.ts";
import { MemoryStore, World } from "../../sandbox/world.ts";
import { type Cloud, connect } from "../../src/aws/clients.ts";
import { type Answers, answeredBy, lab } from "../steps/harness.ts";
import { Site } from "./site.ts";

const REGION = "us-east-1";

it("a call without its bytes is answered like one on the wire and does the same, in each call of an environment's life", async () => {
  let world = World.fresh(7, { virtualMs: 0, wallMs: 0, speed: 1 });
  const where = lab(REGION, {
    oversleep: 60,
    keeper(kept) {
      world = kept;
      return new MemoryStore(kept);
    },
  });
  const copyOf = (text: string) => {
    const copy = World.parse(text);
    return { copy, sandbox: createSandbox({ store: new MemoryStore(copy), clock: where.clock }) };
  };
  let onWire: Pick<Sandbox, "request">;
  const sender = connect({
    region: REGION,
    endpoint: "http://sandbox.invalid",
    credentials: { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "not-a-secret" },
    requestHandler: inProcess({ request: (...asked) => onWire.request(...asked) }) as never,
    sleep: async () => {},
  });
  const answered = new Set<string>();
  const refused = new Set<string>();
  const left = new Set<string>();
  const unlike: string[] = [];

  const bothWays: Answers = async (asked, command) => {
    const text = world.toText();
    const [direct, wire] = [copyOf(text), copyOf(text)];
    onWire = wire.sandbox;
    const answer = await direct.sandbox.answer(asked);
    const client = sender[asked.client] as unknown as { send(command: object): Promise<object> };
    const shown = await client.send(command).catch((error: Error) => error);
    if (answer === undefined) {
      if (shown instanceof Error) refused.add(shown.name);
      else left.add(asked.operation);
      return undefined;
    }
    answered.add(asked.operation);
    try {
      expect(answer).toEqual(shown);
      expect(direct.copy.toText()).toBe(wire.copy.toText());
    } catch (error) {
      unlike.push(`${asked.operation}: ${(error as Error).message}`);
    }
    return undefined;
  };

  // One at a time: both ways begin from one world.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn: Answers = (asked, command) => {
    const turn = last.then(() => bothWays(asked, command));
    last = turn;
    return turn;
  };
  const cloud: Cloud = answeredBy(inTurn, where.cloud, REGION);
  const site = new Site(REGION, { ...where, cloud });
  await site.up();
  await site.up("compute: { purchase: spot, maxVcpus: 72 }\nlogs: { retentionDays: 30 }");
  await site.teardown();
  expect(unlike).toEqual([]);
  expect(refused).toContain("NoSuchEntityException");
  expect(refused.size).toBeGreaterThan(4);
  // Its token is the SDK's own.
  expect([...left]).toEqual(["DeleteFileSystem"]);
  expect(answered.size).toBeGreaterThan(60);
});
