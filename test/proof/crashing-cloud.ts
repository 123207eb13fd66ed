import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { kindOf } from "../../sandbox/calls.ts";
import { VirtualClock } from "../../sandbox/clock.ts";
import { createSandbox } from "../../sandbox/sandbox.ts";
import type { Handler, Service } from "../../sandbox/service.ts";
import { SERVICES } from "../../sandbox/services/index.ts";
import { MemoryStore, World } from "../../sandbox/world.ts";
import type { Moment } from "./desk.ts";
import { SPEED } from "./laptop.ts";

/** A cloud on loopback that knows the one moment at which its client is to die. */
export interface CrashingCloud {
  readonly endpoint: string;
  /** Mutating calls that had their effect, in order. */
  readonly writes: readonly string[];
  /** Before the n-th mutating call from now on has its effect, or after it and before the answer: `crash`, and not a word more. */
  crashAt(n: number, when: "before" | "after", crash: () => void): void;
  /** Answers again. */
  goOn(): void;
  world(): string;
}

/** Serves the world of that moment, whose time runs on from there. */
export async function crashingCloud({ world: text, now }: Pick<Moment, "world" | "now">): Promise<CrashingCloud> {
  const world = World.parse(text);
  const clock = new VirtualClock({ virtualMs: now, wallMs: Date.now(), speed: SPEED });
  const writes: string[] = [];
  let crash: { left: number; readonly when: "before" | "after"; readonly happen: () => void } | undefined;
  let silent = false;

  function maybeCrash(when: "before" | "after"): void {
    if (crash?.when !== when || --crash.left > 0) return;
    silent = true;
    crash.happen();
    crash = undefined;
  }
  const watched =
    (handler: Handler): Handler =>
    (input, call) => {
      maybeCrash("before");
      if (silent) throw new Error("the client is dead");
      return handler(input, call);
    };
  const services = SERVICES.map((service): Service => {
    const operations = Object.entries(service.operations).map(([name, handler]) => [
      name,
      kindOf(name) === "write" ? watched(handler) : handler,
    ]);
    return { ...service, operations: Object.fromEntries(operations) };
  });
  const sandbox = createSandbox({
    ...{ store: new MemoryStore(world), clock, services },
    log({ kind, outcome, operation }) {
      if (kind !== "write" || outcome !== "ok") return;
      writes.push(operation);
      maybeCrash("after");
    },
  });
  const server = createServer(async (incoming, outgoing) => {
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      if (silent) throw new Error("the client is dead");
      const { status, headers, body } = await sandbox.request({
        method: incoming.method ?? "GET",
        path: incoming.url ?? "/",
        headers: Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)])),
        body: Buffer.concat(chunks).toString(),
      });
      if (silent) throw new Error("the client is dead");
      outgoing.writeHead(status, { ...headers }).end(body);
    } catch {
      incoming.socket.destroy();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    writes,
    crashAt(n, when, happen) {
      crash = { left: n, when, happen };
    },
    goOn() {
      silent = false;
      crash = undefined;
    },
    world: () => world.toText(),
  };
}
