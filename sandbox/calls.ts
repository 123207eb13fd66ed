import { appendFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import type { NormalizedSchema } from "@smithy/core/schema";

/** One request, as the log of calls keeps it. */
export interface CallRecord {
  /** Virtual time, ISO 8601. */
  readonly at: string;
  readonly service: string;
  readonly region: string;
  readonly operation: string;
  readonly kind: "read" | "write";
  /** Without what the service's schema calls sensitive. */
  readonly input: unknown;
  /** The error's code, `ok`, or `reset` when no answer was given. */
  readonly outcome: string;
}

const READS = /^(Describe|Get|List|Lookup|Filter|BatchGet|BatchCheck|Simulate|Search)/;

export function kindOf(operation: string): "read" | "write" {
  return READS.test(operation) ? "read" : "write";
}

const SIZE_LIMIT = 32 * 1024 * 1024;

/** Appends to `calls.jsonl` in a world's folder, one line a request; a full one becomes `calls.1.jsonl`. */
export function callsIn(folder: string, sizeLimit = SIZE_LIMIT): (record: CallRecord) => void {
  const path = join(folder, "calls.jsonl");
  return (record) => {
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) >= sizeLimit) {
      renameSync(path, join(folder, "calls.1.jsonl"));
    }
    appendFileSync(path, `${JSON.stringify(record)}\n`, { mode: 0o600 });
  };
}

export function redacted(schema: NormalizedSchema, value: unknown): unknown {
  if (value === undefined || value === null) return undefined;
  if (schema.getMergedTraits().sensitive) return "***";
  if (value instanceof Uint8Array) return `${value.byteLength} bytes`;
  if (schema.isStructSchema()) {
    const entries = [...schema.structIterator()].map(([name, member]) => [
      name,
      redacted(member, (value as Record<string, unknown>)[name]),
    ]);
    return Object.fromEntries(entries.filter(([, part]) => part !== undefined));
  }
  if (schema.isListSchema() && Array.isArray(value)) {
    return value.map((item) => redacted(schema.getValueSchema(), item));
  }
  if (schema.isMapSchema()) {
    const entries = Object.entries(value).map(([key, part]) => [key, redacted(schema.getValueSchema(), part)]);
    return Object.fromEntries(entries);
  }
  return value;
}
