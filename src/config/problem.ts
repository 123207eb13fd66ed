import { inspect } from "node:util";
import type { core } from "zod";
import { z } from "zod";
import { fileSchema, ownSchema } from "./schema.ts";

export type Path = readonly PropertyKey[];

/** One thing wrong with a config, and where. */
export interface Problem {
  readonly path: Path;
  readonly text: string;
  /** Without it: the first one's. */
  readonly workload?: string;
}

/** What zod found, in words: what was given, and what would be allowed. */
export function problemsOf(issues: readonly core.$ZodIssue[], value: unknown): readonly Problem[] {
  return issues.flatMap((issue): readonly Problem[] => {
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({ path: [...issue.path, key], text: unknownKey(key, issue.path) }));
    }
    const given = valueAt(value, issue.path);
    if (given === null && (issue.code === "invalid_type" || issue.code === "invalid_value")) {
      // A key with nothing after it asks for the default, as when all of its section is commented out.
      if (!issue.path.some((key) => typeof key === "number")) return [];
    }
    if (issue.code === "invalid_key") {
      return [{ path: issue.path, text: issue.issues[0]?.message ?? issue.message }];
    }
    return [{ path: issue.path, text: given === undefined ? "is missing" : `${show(given)} given; ${issue.message}` }];
  });
}

/** A value as it may stand in an error message: one line, short, no control characters. */
export function show(value: unknown): string {
  const text =
    typeof value === "string"
      ? JSON.stringify(value)
      : inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY, maxArrayLength: 5, maxStringLength: 40 });
  // A password that should not be in the file need not be in a log as well.
  return shorten(text.replace(/(\/\/)[^/\s"]*@/g, "$1...@"));
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** `compute.subnetIds[1]`; keys that are no plain words are quoted. */
export function showPath(path: Path): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    const word = String(key);
    return `${text}${text && "."}${/^[\w-]+$/.test(word) ? word : show(word)}`;
  }, "");
}

export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === "object" && at !== null && Object.hasOwn(at, key) ? Reflect.get(at, key) : undefined),
    value,
  );
}

/** Of a value that may have one of two forms, what is wrong with the one that it has. */
export function unfolded(issues: readonly core.$ZodIssue[], value: unknown): readonly core.$ZodIssue[] {
  return issues.flatMap((issue): readonly core.$ZodIssue[] => {
    if (issue.code !== "invalid_union" || issue.path.join() !== "workloads") return [issue];
    const given = valueAt(value, issue.path);
    if (typeof given !== "object" || given === null) {
      return [{ ...issue, message: "must be a list of workloads' names, or a section for each" }];
    }
    const [asList = [], asSection = []] = issue.errors;
    return (Array.isArray(given) ? asList : asSection).map((one) => ({ ...one, path: [...issue.path, ...one.path] }));
  });
}

function unknownKey(key: string, parent: Path): string {
  const known = knownKeys(parent);
  const near = nearestOf(key, known);
  return near ? `unknown key; did you mean ${near}?` : `unknown key; allowed: ${known.join(", ")}`;
}

/** Of the words that are known, the one that was probably meant. */
export function nearestOf(given: string, known: readonly string[]): string | undefined {
  const [near] = known
    .map((word) => ({ word, distance: distanceOf(given.toLowerCase(), word.toLowerCase()) }))
    .filter(({ word, distance }) => distance <= Math.max(2, word.length / 3))
    .sort((a, b) => a.distance - b.distance);
  return near?.word;
}

function knownKeys(path: Path): readonly string[] {
  const isOwn = path[0] === "workloads";
  const below = isOwn ? path.slice(2) : path;
  return Object.keys(below.reduce<Keys>((at, key) => keysOf(at[String(key)]), keysOf(isOwn ? ownSchema : fileSchema)));
}

type Keys = Readonly<Record<string, unknown>>;

function keysOf(schema: unknown): Keys {
  if (schema instanceof z.ZodOptional) return keysOf(schema.unwrap());
  return schema instanceof z.ZodObject ? schema.shape : {};
}

/** Levenshtein's. */
function distanceOf(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 8) return Number.POSITIVE_INFINITY;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}
