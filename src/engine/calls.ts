import { setMaxListeners } from "node:events";
import pLimit, { type LimitFunction } from "p-limit";
import type { Clock } from "./clock.ts";
import { AbortedError, type Trouble } from "./errors.ts";
import type { Hint } from "./hint.ts";

/** What an error means for the one who called; told to the engine by whoever knows the cloud. */
export interface CloudErrors {
  /** Of anything a verb rejected with; what is not known to be a clear no is *unknown*. */
  trouble(error: unknown): Trouble;
  /** Whether it says that the one who asks may not. */
  denied(error: unknown): boolean;
  /** The cloud's own words. */
  words(error: unknown): string;
  /** What to type next, where the code tells. */
  hint(error: unknown): Hint | undefined;
}

/** How long a call that is only early is tried again. */
const RETRY_MS = 3 * 60_000;

/** At once; waiting nodes do not count. Of looks several go in one call where AWS takes them together. */
const MOST_LOOKS = 32;
const MOST_CHANGES = 16;

/** The one gate to the cloud: limits calls, stops at Ctrl-C, tries again what is only early. */
export class Calls {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #errors: CloudErrors;
  readonly #looks = pLimit(MOST_LOOKS);
  readonly #changes = pLimit(MOST_CHANGES);

  constructor(clock: Clock, signal: AbortSignal, errors: CloudErrors) {
    // Every waiting node listens for the stop.
    setMaxListeners(0, signal);
    this.#clock = clock;
    this.#signal = signal;
    this.#errors = errors;
  }

  /** Rejects with AbortedError at once when the run is stopped. */
  async wait(ms: number): Promise<void> {
    this.#stopIfAborted();
    try {
      await this.#clock.sleep(ms, this.#signal);
    } catch (error) {
      this.#stopIfAborted();
      throw error;
    }
  }

  /** A read: given up at once when the run is stopped. */
  async read<T>(ask: () => Promise<T>): Promise<T> {
    this.#stopIfAborted();
    let onAbort = () => {};
    const stopped = new Promise<never>((_resolve, reject) => {
      onAbort = () => reject(new AbortedError());
      this.#signal.addEventListener("abort", onAbort, { once: true });
    });
    try {
      return await Promise.race([this.#inTurn(this.#looks, ask), stopped]);
    } finally {
      this.#signal.removeEventListener("abort", onAbort);
    }
  }

  /** A read in a long wait: a network that is away for a moment does not end the wait. */
  readPatiently<T>(everyMs: number, ask: () => Promise<T>): Promise<T> {
    return this.#again(
      everyMs,
      RETRY_MS,
      ["unknown", "busy"],
      () => this.read(ask),
      () => {},
    );
  }

  /** A mutating call: never started when the run is stopped, never cut off once it is on its way. */
  change<T>(
    {
      everyMs,
      forMs = RETRY_MS,
      alsoLost = false,
      note,
    }: {
      readonly everyMs: number;
      readonly forMs?: number | undefined;
      readonly alsoLost?: boolean;
      note(text: string): void;
    },
    call: () => Promise<T>,
  ): Promise<T> {
    const early = alsoLost ? ["busy", "notPropagated", "unknown"] : ["busy", "notPropagated"];
    return this.#again(everyMs, forMs, early, () => this.#inTurn(this.#changes, call), note);
  }

  async #again<T>(
    everyMs: number,
    forMs: number,
    early: readonly string[],
    call: () => Promise<T>,
    note: (text: string) => void,
  ): Promise<T> {
    const until = this.#clock.elapsed() + forMs;
    for (let said = ""; ; ) {
      this.#stopIfAborted();
      // Told before the call: however long the machine slept, it is tried once more after it.
      const isLast = this.#clock.elapsed() >= until;
      try {
        return await call();
      } catch (error) {
        if (error instanceof AbortedError || !early.includes(this.#errors.trouble(error)) || isLast) throw error;
        const words = this.#errors.words(error);
        if (words !== said) note(`not yet: ${words}`);
        said = words;
      }
      await this.wait(everyMs);
    }
  }

  /** A call that was still waiting its turn when the run was stopped does not begin. */
  #inTurn<T>(limit: LimitFunction, call: () => Promise<T>): Promise<T> {
    return limit(() => {
      this.#stopIfAborted();
      return call();
    });
  }

  #stopIfAborted(): void {
    if (this.#signal.aborted) throw new AbortedError();
  }
}
