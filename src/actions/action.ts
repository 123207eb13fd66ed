import type { Cloud } from "../aws/clients.ts";
import type { Clock } from "../engine/clock.ts";
import type { Event } from "../engine/events.ts";
import type { Store } from "../engine/manifest/manifest.ts";
import type { Options } from "./options.ts";
import type { Result } from "./result.ts";

/**
 * One verb, without a terminal. Resolves to its last result, what failed included; rejects where it could not be begun,
 * was refused or was stopped.
 */
export type Action<O extends Options = Options> = (host: Host, options: O, io: Io) => Promise<Result>;

/** Where an action runs: what only a process, or a test, can give it. */
export interface Host {
  /** Aborted once: nothing new starts, waits end. */
  readonly signal: AbortSignal;
  /** Where manifests, locks and the builds of images lie. */
  readonly folder: string;
  reach(): Promise<Reach>;
  /** Takes the lock at this path or refuses; answers its release. */
  lock(path: string, options: LockOptions): Promise<() => Promise<void> | void>;
  store(path: string): Store;
}

interface LockOptions {
  /** What it is held for. */
  readonly verb: string;
  readonly takeOver: boolean;
  note(text: string): void;
}

/** AWS, an endpoint that speaks like it, or the sandbox: and the clock that goes with it. */
export interface Reach {
  readonly clock: Clock;
  readonly sandbox: boolean;
  /** What stands for AWS, where somebody said so. */
  readonly endpoint: string | undefined;
  connect(region: string): Cloud;
  /** The region to use when neither an option nor the config names one. */
  defaultRegion(): Promise<string>;
  close(): Promise<void>;
}

/** Whoever watches an action, and answers it. */
export interface Io {
  event(event: Event): void;
  /** Undefined where nobody is there to be asked. */
  readonly ask?: ((question: Question) => Promise<boolean>) | undefined;
  /** Resolves when it is shown. Of a look at nodes, or a list of what is to be removed, there is one before the last. */
  result(result: Result): Promise<void> | void;
}

export interface Question {
  readonly text: string;
  /** What a yes may cost: machines that are made anew, everything that was made, or data that nobody has twice. */
  readonly risk: "replace" | "remove" | "data";
}
