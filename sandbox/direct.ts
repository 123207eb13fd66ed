import type { NormalizedSchema } from "@smithy/core/schema";
import type { Form } from "./form.ts";
import { decodeShape } from "./shapes.ts";
import type { Wire } from "./wire.ts";

/** What an SDK client asks for, in its own values. */
export interface Direct {
  /** As in the credential scope. */
  readonly service: string;
  readonly region: string;
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** One request and its answer as the SDK's own values; none where the SDK itself would make up a token. */
export function inValues(
  wire: Wire,
  { operation: name, input }: Pick<Direct, "operation" | "input">,
): Form<object> | undefined {
  const operation = wire.operations.get(name);
  if (operation === undefined || makesUpToken(operation.input, input)) return undefined;
  return {
    operation,
    input: () => decodeShape(operation.input, input, { scalarsAreText: false, useJsonNames: false }),
    answer: (_operation, value, requestId) => ({
      $metadata: { httpStatusCode: operation.http?.[2] ?? 200, requestId, attempts: 1, totalRetryDelay: 0 },
      ...(operation.output.isStructSchema() && (copyOf(operation.output, value ?? {}) as object)),
    }),
    refusal(refusal) {
      throw refusal;
    },
  };
}

function makesUpToken(schema: NormalizedSchema, input: Direct["input"]): boolean {
  return [...membersOf(schema)].some(([name, member]) => member.isIdempotencyToken() && input[name] === undefined);
}

/** What the SDK would read out of the bytes of this value: nothing the schema does not know, nothing the world keeps. */
function copyOf(schema: NormalizedSchema, value: unknown): unknown {
  if (value instanceof Date) return new Date(value);
  if (value instanceof Uint8Array) return value.slice();
  if (typeof value !== "object" || value === null) return value;
  if (schema.isListSchema()) {
    const item = schema.getValueSchema();
    return (value as readonly unknown[]).map((each) => copyOf(item, each));
  }
  const of = schema.isStructSchema() ? membersOf(schema) : schema.getValueSchema();
  const copy: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(value)) {
    const inner = of instanceof Map ? of.get(name) : of;
    if (inner !== undefined && part !== undefined && part !== null) copy[name] = copyOf(inner, part);
  }
  return copy;
}

const known = new WeakMap<object, Map<string, NormalizedSchema>>();

function membersOf(schema: NormalizedSchema): Map<string, NormalizedSchema> {
  if (!schema.isStructSchema()) return new Map();
  const key = schema.getSchema() as object;
  const members = known.get(key) ?? new Map(schema.structIterator());
  known.set(key, members);
  return members;
}
