import type { EC2ClientConfig } from "@aws-sdk/client-ec2";
import type { CallRecord } from "../../sandbox/calls.ts";
import type { Fault } from "../../sandbox/faults.ts";
import { inProcess } from "../../sandbox/in-process.ts";
import { createSandbox, type Sandbox } from "../../sandbox/sandbox.ts";
import type { Service } from "../../sandbox/service.ts";
import { MemoryStore, World } from "../../sandbox/world.ts";
import { jumpingClock } from "../jumping-clock.ts";

type ClientConfig = Pick<EC2ClientConfig, "endpoint" | "credentials" | "maxAttempts"> & {
  readonly region: string;
  readonly requestHandler: NonNullable<EC2ClientConfig["requestHandler"]>;
};

/** An AWS in this process, with a clock that the test moves. */
export interface Memory {
  readonly sandbox: Sandbox;
  readonly clock: ReturnType<typeof jumpingClock>;
  readonly calls: readonly CallRecord[];
  /** May be added to at any time. */
  readonly faults: Fault[];
  /** For any SDK client; it does not try again by itself. */
  config(region?: string): ClientConfig;
}

export function memory(options: { readonly seed?: number; readonly services?: readonly Service[] } = {}): Memory {
  const clock = jumpingClock();
  const calls: CallRecord[] = [];
  const faults: Fault[] = [];
  const world = World.fresh(options.seed ?? 1, { virtualMs: clock.now(), wallMs: clock.now(), speed: 1 });
  const sandbox = createSandbox({
    store: new MemoryStore(world),
    clock,
    faults: () => faults,
    log: (record) => calls.push(record),
    ...(options.services && { services: options.services }),
  });
  const requestHandler = inProcess(sandbox) as unknown as ClientConfig["requestHandler"];
  return {
    ...{ sandbox, clock, calls, faults },
    config: (region = "us-east-1") => ({
      region,
      endpoint: "http://sandbox.invalid",
      credentials: { accessKeyId: "AKIATEST", secretAccessKey: "not-a-secret" },
      maxAttempts: 1,
      requestHandler,
    }),
  };
}

/** The code AWS refused with; fails when it did not refuse. */
export async function codeOf(answer: Promise<unknown>): Promise<string> {
  try {
    await answer;
  } catch (error) {
    return (error as Error).name;
  }
  throw new Error("it was not refused");
}
