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

/** What a service has very many of: kept and compared one by one, so that a call costs what it changes. */
export interface Table<T extends object> {
  /** To be changed in place. */
  get(id: string): T | undefined;
  /** To be looked at only. */
  look(id: string): Readonly<T> | undefined;
  /** In the order they came, to be looked at only. */
  all(): Iterable<Readonly<T>>;
  set(id: string, value: T): void;
  delete(id: string): void;
  /** Those that came, went or had a member set since this was last asked; for who keeps an index. */
  news(): readonly string[];
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
  readonly #tables = new Map<string, Rows>();
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
    const slices = [
      ...[...this.#slices].map(([key, { value, text }]) => `${JSON.stringify(key)}:${text ?? JSON.stringify(value)}`),
      ...[...this.#tables].map(([key, rows]) => `${JSON.stringify(key)}:${rows.toText()}`),
    ];
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

  table<T extends object>(service: string, where: string): Table<T> {
    const key = `${service}/${where}`;
    let rows = this.#tables.get(key);
    if (rows === undefined) {
      rows = new Rows(this.#slices.get(key)?.value ?? {});
      this.#slices.delete(key);
      this.#tables.set(key, rows);
    }
    return rows as unknown as Table<T>;
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
    for (const rows of this.#tables.values()) changed = rows.commit() || changed;
    const countsText = JSON.stringify(this.counts);
    changed ||= countsText !== this.#countsText;
    this.#countsText = countsText;
    return changed;
  }

  /** After what only read: keeps slices that were begun, and takes the rest for unchanged. */
  release(): boolean {
    for (const key of this.#touched) if (this.#slices.get(key)!.text !== "") this.#touched.delete(key);
    for (const rows of this.#tables.values()) rows.release();
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
    for (const rows of this.#tables.values()) rows.rollback();
  }
}

interface Row {
  /** Undefined once it is deleted. */
  value: object | undefined;
  /** As it was last kept; empty for one that is new, undefined until someone touches it. */
  text: string | undefined;
}

class Rows implements Table<object> {
  readonly #rows = new Map<string, Row>();
  readonly #touched = new Set<string>();
  readonly #news = new Set<string>();

  constructor(values: object) {
    for (const [id, value] of Object.entries(values)) {
      this.#rows.set(id, { value, text: undefined });
      this.#news.add(id);
    }
  }

  get(id: string): object | undefined {
    const row = this.#rows.get(id);
    if (row?.value === undefined) return undefined;
    row.text ??= JSON.stringify(row.value);
    this.#touched.add(id);
    // A member set later, in the same call, is news as well.
    return new Proxy(row.value, {
      set: (target, key, value) => {
        this.#news.add(id);
        return Reflect.set(target, key, value);
      },
    });
  }

  look(id: string): object | undefined {
    return this.#rows.get(id)?.value;
  }

  *all(): Iterable<object> {
    for (const { value } of this.#rows.values()) if (value !== undefined) yield value;
  }

  set(id: string, value: object): void {
    const row = this.#rows.get(id);
    this.#rows.set(id, { value, text: row === undefined ? "" : (row.text ?? JSON.stringify(row.value)) });
    this.#touch(id);
  }

  delete(id: string): void {
    const row = this.#rows.get(id);
    if (row === undefined) return;
    row.text ??= JSON.stringify(row.value);
    row.value = undefined;
    this.#touch(id);
  }

  news(): readonly string[] {
    if (this.#news.size === 0) return [];
    const news = [...this.#news];
    this.#news.clear();
    return news;
  }

  commit(): boolean {
    let changed = false;
    for (const id of this.#touched) {
      const row = this.#rows.get(id)!;
      if (row.value === undefined) {
        this.#rows.delete(id);
        changed ||= row.text !== "";
        continue;
      }
      const text = JSON.stringify(row.value);
      if (text === row.text) continue;
      this.#rows.set(id, { value: JSON.parse(text), text });
      changed = true;
    }
    this.#touched.clear();
    return changed;
  }

  release(): void {
    for (const id of this.#touched) {
      const { value, text } = this.#rows.get(id)!;
      if (value !== undefined && text !== "") this.#touched.delete(id);
    }
  }

  rollback(): void {
    for (const id of this.#touched) {
      const { text } = this.#rows.get(id)!;
      if (text) this.#rows.set(id, { value: JSON.parse(text), text });
      else this.#rows.delete(id);
      this.#news.add(id);
    }
    this.#touched.clear();
  }

  toText(): string {
    const rows: string[] = [];
    for (const [id, row] of this.#rows) {
      if (row.value === undefined) continue;
      row.text ??= JSON.stringify(row.value);
      rows.push(`${JSON.stringify(id)}:${row.text || JSON.stringify(row.value)}`);
    }
    return `{${rows.join(",\n")}}`;
  }

  #touch(id: string): void {
    this.#touched.add(id);
    this.#news.add(id);
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
