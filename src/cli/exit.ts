import { AbortedError, BootstrapError, ConfigError, RefusedError } from "../engine/errors.ts";
import { hintText } from "../engine/hint.ts";
import { errorInJson, formatError } from "../ui/error.ts";
import { VERSION } from "../version.ts";
import { commandFor, type Flags, type SandboxFlags } from "./flags.ts";
import { errorColors } from "./terminal.ts";

const REPORT_TO = "the project's issue tracker, with what is above";

/** Says what went wrong, all of it, and sets the exit code: 2 bad input, 3 refused, 130 stopped, 1 the rest. */
export function fail(error: unknown, flags: Flags | SandboxFlags): void {
  const place: Flags = "port" in flags ? {} : flags;
  const { json = false, verbose = false } = place;
  const failures = (error instanceof AggregateError ? (error.errors as unknown[]) : [error]).map((one) =>
    placed(one, place),
  );
  if (json)
    for (const one of failures) process.stdout.write(`${JSON.stringify({ type: "error", error: errorInJson(one) })}\n`);
  else
    process.stderr.write(
      formatError(failures, {
        color: errorColors(),
        verbose,
        version: `${VERSION}, Node ${process.version}`,
        reportTo: REPORT_TO,
      }),
    );
  process.exitCode = Math.min(...failures.map(exitCode));
}

/** Commands in a hint get the flags that say which environment is meant. */
function placed(error: unknown, flags: Flags): unknown {
  if (!(error instanceof BootstrapError) || error.advice === undefined) return error;
  const value = hintText(error.advice, ([verb, ...more]) => [commandFor(verb, flags), ...more].join(" "));
  return Object.create(error, { hint: { value, enumerable: true } }) as BootstrapError;
}

function exitCode(error: unknown): number {
  if (error instanceof ConfigError) return 2;
  if (error instanceof RefusedError) return 3;
  if (error instanceof AbortedError) return 130;
  return 1;
}

/** Throws one failure as it is, several as one error that holds them all. */
export function throwAll(failures: readonly BootstrapError[]): void {
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures);
}
