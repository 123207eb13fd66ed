import type { NormalizedSchema } from "@smithy/core/schema";

/** What is wrong with a request's member, before any rule of the service is asked. */
export type Problem =
  | { readonly kind: "missing" | "unknown"; readonly path: string }
  | { readonly kind: "type"; readonly path: string; readonly expected: string; readonly value: unknown }
  | { readonly kind: "value"; readonly path: string; readonly rule: Rule; readonly value: unknown };

/** What a value must be and is not. */
export type Rule =
  | { readonly enum: readonly string[] }
  | { readonly pattern: string }
  | { readonly least: number; readonly of: "length" | "value" }
  | { readonly most: number; readonly of: "length" | "value" }
  | { readonly each: "Member" | "Map keys" | "Map value"; readonly rules: readonly Rule[] };

export interface Decoded {
  readonly input: Record<string, unknown>;
  readonly problems: readonly Problem[];
}

/** How a wire format spells a value. */
export interface Spelling {
  /** Every scalar arrives as a string. */
  readonly scalarsAreText: boolean;
  readonly useJsonNames: boolean;
}

/** From what came over the wire to the SDK's own input type, with everything that does not fit the schema. */
export function decodeShape(schema: NormalizedSchema, raw: unknown, spelling: Spelling): Decoded {
  const problems: Problem[] = [];
  const read = new Reader(spelling, problems);
  const input = schema.isStructSchema() ? read.value(schema, raw ?? {}, "") : {};
  return { input: (input ?? {}) as Record<string, unknown>, problems };
}

/** Members a structure requires: the schema counts the leading ones. */
function requiredOf(schema: NormalizedSchema): readonly string[] {
  const [, , , , names = [], , count = 0] = schema.getSchema() as [
    number,
    string,
    string,
    unknown,
    string[]?,
    unknown?,
    number?,
  ];
  return names.slice(0, count);
}

class Reader {
  readonly #spelling: Spelling;
  readonly #problems: Problem[];

  constructor(spelling: Spelling, problems: Problem[]) {
    this.#spelling = spelling;
    this.#problems = problems;
  }

  value(schema: NormalizedSchema, raw: unknown, path: string): unknown {
    if (schema.isDocumentSchema()) return raw;
    if (schema.isStructSchema()) return this.#struct(schema, raw, path);
    if (schema.isListSchema()) return this.#list(schema, raw, path);
    if (schema.isMapSchema()) return this.#map(schema, raw, path);
    return this.#scalar(schema, raw, path);
  }

  #struct(schema: NormalizedSchema, raw: unknown, path: string): unknown {
    if (!isRecord(raw)) return this.#wrong(path, "a structure", raw);
    const value: Record<string, unknown> = {};
    const known = new Set<string>();
    for (const [name, member] of schema.structIterator()) {
      const jsonName = this.#spelling.useJsonNames ? member.getMergedTraits().jsonName : undefined;
      const wireName = typeof jsonName === "string" ? jsonName : name;
      known.add(wireName);
      const part = raw[wireName];
      if (part !== undefined && part !== null) value[name] = this.value(member, part, join(path, name));
    }
    for (const name of Object.keys(raw)) {
      if (!known.has(name)) this.#problems.push({ kind: "unknown", path: join(path, name) });
    }
    for (const name of requiredOf(schema)) {
      if (!(name in value)) this.#problems.push({ kind: "missing", path: join(path, name) });
    }
    return value;
  }

  #list(schema: NormalizedSchema, raw: unknown, path: string): unknown {
    if (!Array.isArray(raw)) return this.#wrong(path, "a list", raw);
    const item = schema.getValueSchema();
    return raw.map((part, index) => this.value(item, part, `${path}[${index}]`));
  }

  #map(schema: NormalizedSchema, raw: unknown, path: string): unknown {
    if (!isRecord(raw)) return this.#wrong(path, "a map", raw);
    const item = schema.getValueSchema();
    return Object.fromEntries(Object.entries(raw).map(([key, part]) => [key, this.value(item, part, join(path, key))]));
  }

  #scalar(schema: NormalizedSchema, raw: unknown, path: string): unknown {
    const text = this.#spelling.scalarsAreText;
    if (schema.isStringSchema()) return typeof raw === "string" ? raw : this.#wrong(path, "a string", raw);
    if (schema.isBooleanSchema()) {
      if (typeof raw === "boolean") return raw;
      if (text && typeof raw === "string" && /^(true|false)$/i.test(raw)) return raw.toLowerCase() === "true";
      return this.#wrong(path, "a boolean", raw);
    }
    if (schema.isNumericSchema() || schema.isBigIntegerSchema() || schema.isBigDecimalSchema()) {
      if (typeof raw === "number") return raw;
      if (text && typeof raw === "string" && /^-?\d+(\.\d+)?$/.test(raw)) return Number(raw);
      return this.#wrong(path, "a number", raw);
    }
    if (schema.isTimestampSchema()) {
      if (raw instanceof Date) return raw;
      const date = typeof raw === "number" ? new Date(raw * 1000) : new Date(String(raw));
      return Number.isNaN(date.getTime()) ? this.#wrong(path, "a timestamp", raw) : date;
    }
    if (schema.isBlobSchema()) {
      if (raw instanceof Uint8Array) return raw;
      return typeof raw === "string" ? new Uint8Array(Buffer.from(raw, "base64")) : this.#wrong(path, "base64", raw);
    }
    return raw;
  }

  #wrong(path: string, expected: string, value: unknown): undefined {
    this.#problems.push({ kind: "type", path, expected, value });
    return undefined;
  }
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function isRecord(raw: unknown): raw is Record<string, unknown> {
  return typeof raw === "object" && raw !== null && !Array.isArray(raw);
}
