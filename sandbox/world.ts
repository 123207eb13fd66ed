import type { ClockState } from "./clock.ts";

const VERSION = 2;

interface WorldFile {
  readonly version: number;
  readonly serial: number;
  readonly seed: number;
  readonly account: string;
  readonly clock: ClockState;
  readonly counts: Record<string, number>;
  readonly slices: Record<string, object>;
}

interface Entry {
  value: object;
  /** `value` as it was last kept; undefined until someone touches it. */
  text: string | undefined;
}

/** Everything the sandbox remembers: each service's slice by region, time, and which faults were used up. */
export class World {
  serial: number;
  readonly seed: number;
  readonly account: string;
  clock: ClockState;
  readonly counts: Record<string, number>;
  readonly #slices = new Map<string, Entry>();
  readonly #touched = new Set<string>();
  #countsText: string;

  constructor(file: Omit<WorldFile, "version">) {
    this.serial = file.serial;
    this.seed = file.seed;
    this.account = file.account;
    this.clock = file.clock;
    this.counts = file.counts;
    this.#countsText = JSON.stringify(file.counts);
    for (const [key, value] of Object.entries(file.slices)) this.#slices.set(key, { value, text: undefined });
  }

  static fresh(seed: number, clock: ClockState, account = "123456789012"): World {
    return new World({ serial: 0, seed, account, clock, counts: {}, slices: {} });
  }

  static parse(text: string): World {
    const file = JSON.parse(text) as WorldFile;
    if (file.version !== VERSION) throw new Error(`it was written by another version (${file.version})`);
    return new World(file);
  }

  toText(): string {
    const { serial, seed, account, clock, counts } = this;
    const slices = [...this.#slices].map(
      ([key, { value, text }]) => `${JSON.stringify(key)}:${text ?? JSON.stringify(value)}`,
    );
    const head = JSON.stringify({ version: VERSION, serial, seed, account, clock, counts });
    return `${head.slice(0, -1)},"slices":{${slices.join(",\n")}}}\n`;
  }

  has(service: string, where: string): boolean {
    return this.#slices.has(`${service}/${where}`);
  }

  slice<T extends object>(service: string, where: string, empty: () => T): T {
    const key = `${service}/${where}`;
    let entry = this.#slices.get(key);
    if (entry === undefined) {
      entry = { value: empty(), text: "" };
      this.#slices.set(key, entry);
    }
    if (!this.#touched.has(key)) {
      entry.text ??= JSON.stringify(entry.value);
      this.#touched.add(key);
    }
    return entry.value as T;
  }

  /** Keeps what was done to the slices since the last commit; true when that was anything at all. */
  commit(): boolean {
    let changed = false;
    for (const key of this.#touched) {
      const entry = this.#slices.get(key)!;
      const text = JSON.stringify(entry.value);
      if (text === entry.text) continue;
      // Parsed anew, so that a world in memory forgets what a world on disk would.
      this.#slices.set(key, { value: JSON.parse(text), text });
      changed = true;
    }
    this.#touched.clear();
    const countsText = JSON.stringify(this.counts);
    changed ||= countsText !== this.#countsText;
    this.#countsText = countsText;
    return changed;
  }

  /** After what only read: keeps slices that were begun, and takes the rest for unchanged. */
  release(): boolean {
    for (const key of this.#touched) if (this.#slices.get(key)!.text !== "") this.#touched.delete(key);
    return this.commit();
  }

  /** Forgets what was done to the slices since the last commit; used-up faults stay used up. */
  rollback(): void {
    for (const key of this.#touched) {
      const { text } = this.#slices.get(key)!;
      if (text) this.#slices.set(key, { value: JSON.parse(text), text });
      else this.#slices.delete(key);
    }
    this.#touched.clear();
  }
}

/** Where a world is kept. */
export interface Store {
  /** Runs `use` with the newest world, alone among all users of the store; what it returns true for is kept. */
  exclusively<T>(use: (world: World) => { readonly changed: boolean; readonly result: T }): Promise<T>;
}

/** A world that lives as long as the process. */
export class MemoryStore implements Store {
  readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  async exclusively<T>(use: (world: World) => { readonly changed: boolean; readonly result: T }): Promise<T> {
    const { changed, result } = use(this.world);
    if (changed) this.world.serial += 1;
    return result;
  }
}
