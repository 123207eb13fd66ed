import { paintIn } from "./paint.ts";

/** What the engine's errors have in common, by their shape: views know the engine by its types alone. */
interface KnownError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  /** The commands in the hint, as words. */
  readonly run?: readonly (readonly string[])[];
}

export interface ErrorOptions {
  readonly color: boolean;
  /** Shows also causes of known errors. */
  readonly verbose?: boolean | undefined;
  /** Ours and Node's, as a report wants them. */
  readonly version: string;
  /** Where a bug is reported. */
  readonly reportTo: string;
}

/** Everything that went wrong, in words, with what to type next; what nobody foresaw comes with its stack. */
export function formatError(error: unknown, options: ErrorOptions): string {
  const said = flatten(error).map((one) => (isKnown(one) ? known(one, options) : unforeseen(one, options)));
  // A full disk fails many steps in the same words.
  return [...new Set(said)].join("\n");
}

function known(error: KnownError, { color, verbose }: ErrorOptions): string {
  const paint = paintIn(color);
  const [first = "", ...more] = error.message.split("\n").map(inert);
  const causes = verbose ? causesOf(error) : [];
  return [
    `${paint("red", "error:")} ${first}`,
    ...more.map((line) => `       ${line}`),
    ...causes.map((cause) => paint("dim", `       because: ${inert(cause)}`)),
    ...(error.hint === undefined ? [] : [`${paint("cyan", "hint:")} ${inert(error.hint)}`]),
    "",
  ].join("\n");
}

/** What would move a terminal's cursor, or turn its text around, stands as its code. */
function inert(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (odd) => `\\u{${odd.codePointAt(0)!.toString(16).padStart(4, "0")}}`,
  );
}

function unforeseen(error: unknown, { color, version, reportTo }: ErrorOptions): string {
  const paint = paintIn(color);
  const what = error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : `thrown: ${String(error)}`;
  return [
    `${paint("red", "bug:")} ${what}`,
    ...(error instanceof Error ? causesOf(error).map((cause) => `  because: ${cause}`) : []),
    `bootstrap ${version}`,
    `${paint("cyan", "hint:")} please report this: ${reportTo}`,
    "",
  ].join("\n");
}

function causesOf(error: Error): readonly string[] {
  const causes: string[] = [];
  for (let cause = error.cause; cause instanceof Error && causes.length < 5; cause = cause.cause) {
    causes.push(`${cause.name}: ${cause.message}${requestIdOf(cause)}`);
  }
  return causes;
}

/** AWS's support asks for it. */
function requestIdOf(cause: Error): string {
  const metadata: unknown = Reflect.get(cause, "$metadata");
  const id: unknown =
    typeof metadata === "object" && metadata !== null ? Reflect.get(metadata, "requestId") : undefined;
  return typeof id === "string" ? ` (request ${id})` : "";
}

function flatten(error: unknown): readonly unknown[] {
  const several: unknown = Array.isArray(error) ? error : error instanceof AggregateError ? error.errors : undefined;
  return Array.isArray(several) && several.length > 0 ? several.flatMap(flatten) : [error];
}

function isKnown(error: unknown): error is KnownError {
  return error instanceof Error && "code" in error && typeof error.code === "string" && "hint" in error;
}
