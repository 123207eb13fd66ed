import { commandFor, flagsFor } from "../actions/options.ts";
import type { Result } from "../actions/result.ts";
import { AbortedError, BootstrapError, ConfigError, RefusedError } from "../engine/errors.ts";
import type { Planned } from "../engine/events.ts";
import { commandsIn, hintText } from "../engine/hint.ts";
import { errorInJson, type Said, written } from "../log/lines.ts";
import { formatError } from "../ui/error.ts";
import { VERSION } from "../version.ts";
import type { Flags } from "./flags.ts";
import { errorColors } from "./terminal.ts";

const REPORT_TO = "the project's issue tracker, with what is above";

/** Of a dry run with `--exit-code` that would change something in AWS. */
const CHANGES_PENDING = 10;

/** What changes nothing in AWS; taking up what stands writes the manifest alone. */
const UNCHANGED: ReadonlySet<Planned> = new Set(["keep", "use", "temporary", "adopt"] as const);

/** Of an action that came to its end: its exit code. */
export function resultCode(result: Result, { exitCode = false }: Pick<Flags, "exitCode"> = {}): number {
  if ("failures" in result && result.failures.length > 0) return errorCode(new AggregateError(result.failures));
  if (result.type !== "plan") return 0;
  const { nodes, removals, unseen } = result.plan;
  // For scripts: a plan that would be refused is no good plan, nor is one that does not show everything.
  if (result.dryRun && nodes.some(({ verdict }) => verdict === "refuse")) return 3;
  if (nodes.some(({ verdict }) => verdict === "unseen") || unseen.some(({ byName }) => !byName)) return 1;
  const pending = removals.length > 0 || nodes.some(({ verdict }) => !UNCHANGED.has(verdict));
  return exitCode && pending ? CHANGES_PENDING : 0;
}

/** Of what went wrong: 2 bad input, 3 refused, 130 stopped, 1 the rest. */
export function errorCode(error: unknown): number {
  if (error instanceof AggregateError) return Math.min(...error.errors.map(errorCode));
  if (error instanceof ConfigError) return 2;
  if (error instanceof RefusedError) return 3;
  if (error instanceof AbortedError) return 130;
  return 1;
}

/** What went wrong, for programs and for the log: all of it, a line each. */
export function errorLines(error: unknown, flags: Flags): readonly Said[] {
  return failuresIn(error, flags).map((one) => ({ type: "error", error: errorInJson(one) }));
}

function failuresIn(error: unknown, flags: Flags): readonly unknown[] {
  return (error instanceof AggregateError ? (error.errors as unknown[]) : [error]).map((one) => placed(one, flags));
}

/** Says what went wrong, all of it. */
export function printError(error: unknown, flags: Flags): void {
  const { json = false, verbose = false } = flags;
  if (json) for (const line of errorLines(error, flags)) process.stdout.write(written(line));
  else
    process.stderr.write(
      formatError(failuresIn(error, flags), {
        color: errorColors(),
        verbose,
        version: `${VERSION}, Node ${process.version}`,
        reportTo: REPORT_TO,
      }),
    );
}

/** Commands in a hint get the flags that say which environment is meant, in its text and as words for programs. */
function placed(error: unknown, flags: Flags): unknown {
  if (!(error instanceof BootstrapError) || error.advice === undefined) return error;
  const hint = hintText(error.advice, ([verb, ...more]) => [commandFor(verb, flags), ...more].join(" "));
  const run = commandsIn(error.advice).map(([verb, ...more]) => [verb, ...flagsFor(flags), ...more]);
  return Object.create(error, {
    hint: { value: hint, enumerable: true },
    ...(run.length > 0 && { run: { value: run, enumerable: true } }),
  }) as BootstrapError;
}
