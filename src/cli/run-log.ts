import { stemOf } from "../actions/manifests.ts";
import type { Event } from "../engine/events.ts";
import { type Log, openLog } from "../log/file.ts";
import { inJson, type Said, written } from "../log/lines.ts";

/** The log that is kept of a run that may change its environment; of any other none. It never stops the run. */
export class RunLog {
  readonly #folder: string;
  readonly #lost: (why: string) => void;
  #log: Log | undefined;

  /** `lost` is told once, when the rest of the run cannot be written down. */
  constructor(folder: string, lost: (why: string) => void) {
    this.#folder = folder;
    this.#lost = lost;
  }

  get isOpen(): boolean {
    return this.#log !== undefined;
  }

  event(event: Event): void {
    if (event.type === "began" && event.locked) {
      const { at, verb } = event;
      this.#bearing(() => {
        this.#log = openLog({ folder: this.#folder, environment: stemOf(event), startedAt: at, verb });
      });
    }
    this.say(inJson(event));
  }

  say(said: Said): void {
    this.#bearing(() => this.#log?.write(written(said)));
  }

  close(): void {
    this.#bearing(() => this.#log?.close());
    this.#log = undefined;
  }

  #bearing(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#log = undefined;
      this.#lost(error instanceof Error ? error.message : String(error));
    }
  }
}
