/** The contract between the sandbox's core (wire, world, clock, faults) and its services (EC2, FSx, …). */

import type { Model } from "./model.ts";
import type { Table } from "./world.ts";

/** Where a request is answered: the signature's credential scope says service and region. */
export interface Scope {
  readonly account: string;
  /** aws, aws-cn or aws-us-gov, from the region. */
  readonly partition: string;
  readonly region: string;
  /** amazonaws.com or amazonaws.com.cn. */
  readonly dnsSuffix: string;
}

/** A scripted fate for the next thing a handler makes: what becomes of it, and in which words. */
export interface Fate {
  /** Which outcome, in the service's own vocabulary: "fail", "never", "slow", … */
  readonly kind: string;
  readonly reason?: string | undefined;
  readonly ms?: number | undefined;
}

/** One request being answered; everything a handler may use. */
export interface Call extends Scope {
  /** Virtual time, in milliseconds since the epoch. */
  readonly now: number;
  /**
   * A service's part of the world, plain JSON, mutated in place and kept on disk. `where` is a region, or "global"
   * for IAM. Services read each other's slices through functions the owner exports.
   */
  slice<T extends object>(service: string, where: string, empty: () => T): T;
  /** The same for what a service may have tens of thousands of: by id, and costing only what is changed. */
  table<T extends object>(service: string, where: string): Table<T>;
  /** The same call seen from another region. */
  in(region: string): Call;
  /** 0 ≤ x < 1, from a seed kept in the world. */
  random(): number;
  /** A duration between two bounds, in milliseconds of virtual time. */
  between(minMs: number, maxMs: number): number;
  /** `prefix` and that many random lower-case hex digits: i-0123456789abcdef0. */
  id(prefix: string, digits?: number): string;
  /** A random UUID. */
  uuid(): string;
  /** In another order each time, as AWS answers lists it does not sort. */
  shuffled<T>(list: readonly T[]): T[];
  /** How much later than usual reads show what this call makes, in milliseconds; scripted, else 0. */
  readonly unseenMs: number;
  /** The scripted fate for this service and operation, used up by asking. */
  fate(): Fate | undefined;
}

/** What AWS refuses with: its code, its words, its HTTP status, further members of the error's shape. */
export class Refusal extends Error {
  readonly code: string;
  readonly status: number;
  readonly members: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, status = 400, members: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.code = code;
    this.status = status;
    this.members = members;
  }
}

/** Answers one operation; typed by each service with the SDK's own input and output types. */
// biome-ignore lint/suspicious/noExplicitAny: each service narrows this to the SDK's types
export type Handler = (input: any, call: Call) => unknown;

export interface Service {
  /** As in the credential scope: "ec2", "fsx", "batch", "logs". */
  readonly name: string;
  /** The SDK client's module: operation schemas and protocol are read from it. */
  readonly client: () => Promise<Readonly<Record<string, unknown>>>;
  /** What AWS's own model says of its requests, as `npm run models` writes it. */
  readonly model?: () => Promise<{ readonly default: Model }>;
  /** What it calls a request that it cannot take; EC2 has a code for each trouble. */
  readonly validationError?: string;
  /** How it says so, where it does not count and list all that is wrong. */
  readonly validationWords?: (place: string, rule: string) => string;
  /** By operation name; everything else is the service's own unknown-operation error. */
  readonly operations: Readonly<Record<string, Handler>>;
  /** Brings this region's things up to `call.now` before a request is answered: finishes what is due. */
  settle?(call: Call): void;
}
