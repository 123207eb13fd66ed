import { BootstrapError } from "../engine/errors.ts";
import type { Event, PlannedNode } from "../engine/events.ts";
import { hintText } from "../engine/hint.ts";
import type { ErrorInJson, Line, LineOf, PlannedLine } from "./schema.ts";

/** A line without what every line has. */
export type Said = Line extends infer L ? (L extends Line ? Omit<L, "v"> : never) : never;

export function written(said: Said): string {
  return `${JSON.stringify({ v: 1, ...said })}\n`;
}

/** An event as it is written down: errors and hints as data. */
export function inJson(event: Event): Said {
  if (event.type === "failed") return { ...event, error: errorInJson(event.error) };
  if (event.type === "planned") return { ...event, nodes: event.nodes.map(nodeInJson) };
  return event;
}

export function nodeInJson({ hint, drift, ...node }: PlannedNode): PlannedLine {
  return {
    ...node,
    drift: drift?.map(({ failed, ...field }) => ({
      ...field,
      ...(failed && { failed: { reason: failed.reason, at: failed.at?.toISOString() } }),
    })),
    hint: hint && hintText(hint),
  };
}

/** Code, message, hint, and what AWS answered; of what nobody foresaw the message alone. */
export function errorInJson(error: unknown): ErrorInJson {
  if (!isKnown(error)) return { code: "bug", message: error instanceof Error ? error.message : String(error) };
  const { code, message, hint, run } = error;
  return { code, message, hint, run, aws: awsAnswer(error) };
}

/** An error that the engine, or what it is told by, foresaw: by its shape, for its commands may have been placed. */
interface KnownError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly run?: readonly (readonly string[])[];
}

function isKnown(error: unknown): error is KnownError {
  return error instanceof Error && "code" in error && typeof error.code === "string" && "hint" in error;
}

/** AWS's support asks for the request's id. */
function awsAnswer(error: Error): ErrorInJson["aws"] {
  for (let cause: unknown = error, depth = 0; cause instanceof Error && depth < 6; cause = cause.cause, depth += 1) {
    const metadata: unknown = Reflect.get(cause, "$metadata");
    if (typeof metadata !== "object" || metadata === null) continue;
    const status: unknown = Reflect.get(metadata, "httpStatusCode");
    const requestId: unknown = Reflect.get(metadata, "requestId");
    return {
      code: cause.name,
      status: typeof status === "number" ? status : undefined,
      requestId: typeof requestId === "string" ? requestId : undefined,
    };
  }
  return undefined;
}

/** What was written down, as the event that it was. */
export function eventIn(line: Line): Event | undefined {
  if (!isEvent(line)) return undefined;
  if (line.type === "planned") return { ...line, nodes: line.nodes.map((node) => ({ ...node, drift: undefined })) };
  if (line.type !== "failed") return line;
  const { code, message, hint } = line.error;
  return { ...line, error: new BootstrapError(code, message, { hint }) };
}

const EVENTS = ["began", "planned", "started", "seen", "note", "finished", "failed", "blocked", "interrupted"] as const;

function isEvent(line: Line): line is LineOf<(typeof EVENTS)[number]> {
  return (EVENTS as readonly string[]).includes(line.type);
}
