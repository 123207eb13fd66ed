import { existsSync } from "node:fs";
import { BootstrapError, ConfigError } from "../engine/errors.ts";
import { SANDBOX_FOLDER } from "./connection.ts";
import type { SandboxFlags } from "./flags.ts";
import { stopOnSignals } from "./signals.ts";

/** Serves the sandbox until Ctrl-C, or moves its clock on. */
export async function sandbox({ port, speed, callerPolicy, advance }: SandboxFlags): Promise<void> {
  const { advanceSandbox, BrokenFile, startSandbox } = await import("../../sandbox/start.ts");
  const isBroken = (cause: Error) => cause instanceof BrokenFile;
  if (advance !== undefined) {
    const time = { folder: SANDBOX_FOLDER, ms: duration(advance) };
    const now = await advanceSandbox(time).catch(troubleIn("moving the sandbox's clock on", isBroken));
    process.stdout.write(`in the sandbox it is now ${new Date(now).toISOString()}\n`);
    return;
  }
  const signal = stopOnSignals();
  if (callerPolicy !== undefined && !existsSync(callerPolicy))
    throw new ConfigError(`--caller-policy ${callerPolicy}: no such file`, "bootstrap policy up > up.json writes one");
  const settings = { folder: SANDBOX_FOLDER, port, speed, callerPolicy };
  const { endpoint, clock, close } = await startSandbox(settings).catch(
    troubleIn(`serving on 127.0.0.1:${port}`, isBroken),
  );
  process.stdout.write(
    [
      `an AWS of this machine's own is at ${endpoint}, where ${clock.speed} seconds pass in one. For other AWS clients:`,
      `  export AWS_ENDPOINT_URL=${endpoint} AWS_ACCESS_KEY_ID=sandbox AWS_SECRET_ACCESS_KEY=sandbox`,
      "  export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1",
      "Ctrl-C ends it; its world stays.\n",
    ].join("\n"),
  );
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  await close();
}

function troubleIn(doing: string, isBroken: (cause: Error) => boolean): (cause: Error) => never {
  return (cause) => {
    if (isBroken(cause)) throw new ConfigError(cause.message, "correct that file, or remove it");
    const hint =
      "syscall" in cause && cause.syscall === "listen"
        ? "another program may have that port: choose one with --port, or any free one with --port 0"
        : `run it in a folder that can be written; rm -r ${SANDBOX_FOLDER} begins a new world`;
    throw new BootstrapError("sandbox", `${doing}: ${cause.message}`, { hint, cause });
  };
}

const UNITS_MS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 } as const;

const MOST_MS = 3650 * UNITS_MS.d;

function duration(text: string): number {
  const [, count, unit] = /^(\d{1,6})([dhms])$/.exec(text) ?? [];
  if (count === undefined)
    throw new ConfigError(`--advance ${text}: not a time`, "give days, hours, minutes or seconds: 30d, 12h, 90m, 45s");
  const ms = Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS];
  // Everything that comes due on the way is acted out.
  if (ms > MOST_MS) throw new ConfigError(`--advance ${text}: too far at once`, "give at most 3650d");
  return ms;
}
