import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Alteration } from "./altered.ts";
import type { Fate } from "./service.ts";
import { SERVICES } from "./services/index.ts";
import { watchedFile } from "./watched-file.ts";

/** Which calls a scripted fault hits. Names are globs (`Describe*`); left out, they mean every one. */
interface Aim {
  readonly service?: string | undefined;
  readonly operation?: string | undefined;
  readonly region?: string | undefined;
  /** Of the calls that match, counted from 1: this one, or these. */
  readonly nth?: number | readonly number[] | undefined;
  /** Every so many matching calls. */
  readonly every?: number | undefined;
  /** 0 to 1, of the matching calls. */
  readonly probability?: number | undefined;
}

/** What happens to a call that is hit. Without `nth`, `every` and `probability`, each matching call is. */
export type Fault = Aim &
  /** `done`: all was done, and only the answer says otherwise. */
  (
    | {
        readonly error: {
          readonly code: string;
          readonly message?: string;
          readonly status?: number;
          readonly done?: true;
        };
      }
    /** The connection breaks before anything was done, or after all was done and only the answer is lost. */
    | { readonly reset: "before" | "after" }
    /** The answer comes this much later, in milliseconds of virtual time. */
    | { readonly slowMs: number }
    /** Reads show what the call makes this much later than usual, in milliseconds of virtual time. */
    | { readonly unseenMs: number }
    /** All is done, and the answer's words are changed on the way. */
    | { readonly answer: Alteration }
    /** What becomes of the thing the call makes; the words are each service's own. */
    | { readonly fate: Fate }
  );

export interface FaultTarget {
  readonly service: string;
  readonly operation: string;
  readonly region: string;
}

/** The faults that hit this call, in the order they were written; each match is counted in `counts`. */
export function faultsThatHit<F extends Fault>(
  faults: readonly F[],
  target: FaultTarget,
  counts: Record<string, number>,
  random: () => number,
): F[] {
  const seen = new Map<string, number>();
  return faults.filter((fault) => {
    const text = JSON.stringify(fault);
    const twin = seen.get(text) ?? 0;
    seen.set(text, twin + 1);
    if (!matches(fault, target)) return false;
    const { nth, every, probability } = fault;
    if (nth !== undefined || every !== undefined) {
      const key = `fault ${createHash("sha256").update(`${twin} ${text}`).digest("hex").slice(0, 16)}`;
      const count = (counts[key] ?? 0) + 1;
      counts[key] = count;
      if (nth !== undefined && ![nth].flat().includes(count)) return false;
      if (every !== undefined && count % every !== 0) return false;
    }
    return probability === undefined || random() < probability;
  });
}

function matches({ service = "*", operation = "*", region = "*" }: Aim, target: FaultTarget): boolean {
  return (
    globMatches(service, target.service) &&
    globMatches(operation, target.operation) &&
    globMatches(region, target.region)
  );
}

function globMatches(glob: string, text: string): boolean {
  const pattern = glob
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${pattern}$`).test(text);
}

/** A file of the world's that a person wrote cannot be used; the message names it, and the place in it. */
export class BrokenFile extends Error {}

/**
 * Reads `faults.json` of a world's folder, again whenever it changes; no file, no faults. Throws `BrokenFile` for what is
 * no list of faults, and for a fault whose names no call ever has.
 */
export function faultsIn(folder: string, services: readonly Named[] = SERVICES): () => readonly Fault[] {
  const parse = (text: string, path: string) => parseFaults(text, path, services);
  return watchedFile<readonly Fault[], readonly Fault[]>(join(folder, "faults.json"), parse, []);
}

interface Named {
  readonly name: string;
  readonly operations: Readonly<Record<string, unknown>>;
}

function parseFaults(text: string, path: string, services: readonly Named[]): readonly Fault[] {
  let faults: unknown;
  try {
    faults = JSON.parse(text);
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause);
    throw new BrokenFile(`${path}${placeIn(text, words)} is not JSON: ${words}`, { cause });
  }
  const isFault = (fault: object) =>
    ["error", "reset", "slowMs", "unseenMs", "answer", "fate"].some((key) => key in fault);
  if (!Array.isArray(faults) || !faults.every((fault) => typeof fault === "object" && fault && isFault(fault))) {
    throw new BrokenFile(
      `${path} must be a list of faults, each with one of error, reset, slowMs, unseenMs, answer or fate`,
    );
  }
  for (const [at, fault] of (faults as readonly Fault[]).entries()) {
    const trouble = troubleWith(fault, services);
    if (trouble !== undefined) throw new BrokenFile(`${path}: fault ${at + 1} of ${faults.length}: ${trouble}`);
  }
  return faults;
}

/** Line and column, where the parser tells the position; the end, where it tells none. */
function placeIn(text: string, words: string): string {
  const [, position = text.length] = /at position (\d+)/.exec(words) ?? [];
  const before = text.slice(0, Number(position)).split("\n");
  return `:${before.length}:${before.at(-1)!.length + 1}`;
}

/** One that can never happen would be waited for in vain. */
function troubleWith({ service = "*", operation = "*" }: Aim, services: readonly Named[]): string | undefined {
  const aimedAt = services.filter(({ name }) => globMatches(service, name));
  if (aimedAt.length === 0) {
    return `there is no service ${service}; the sandbox has ${services.map(({ name }) => name).join(", ")}`;
  }
  const operations = aimedAt.flatMap((one) => Object.keys(one.operations));
  if (operations.some((name) => globMatches(operation, name))) return undefined;
  const alike = operations.filter((name) => name.toLowerCase().startsWith(operation.slice(0, 4).toLowerCase()));
  const near = alike.length > 0 ? `; those that begin alike: ${alike.sort().join(", ")}` : "";
  return `${service === "*" ? "there is no operation" : `${service} has no operation`} ${operation} here${near}`;
}
