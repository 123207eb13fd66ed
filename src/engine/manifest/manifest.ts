import { z } from "zod";
import { BootstrapError, RefusedError } from "../errors.ts";

/** What is chosen for the user, once: VPC, subnet, zone, base image, Lustre version. */
export type Pins = Readonly<Record<string, string>>;

const stepRecord = z.object({
  kind: z.string(),
  /** Edges, so that the order of removal survives a change of code. */
  needs: z.array(z.string()).readonly(),
  /**
   * creating: from before the call until the thing is seen ready. updating: from before the first change until nothing
   * drifts and the fingerprint is written. ready: it stood. destroying: being removed; of a temporary one: used, and to go.
   */
  phase: z.enum(["creating", "updating", "ready", "destroying"]),
  /** Null of a thing that was found when the manifest had been lost. */
  inputs: z.unknown(),
  fingerprint: z.string(),
  /** Of the part that cannot be changed in place. */
  fixedFingerprint: z.string().optional(),
  token: z.string(),
  ref: z.string().optional(),
  output: z.unknown().optional(),
  at: z.string(),
  /** Of an update that mends drift alone: it leaves be what replaces running machines. */
  gentle: z.literal(true).optional(),
});

const manifestFile = z.object({
  version: z.literal(1),
  serial: z.number().int().nonnegative(),
  name: z.string(),
  account: z.string(),
  region: z.string(),
  pins: z.record(z.string(), z.string()),
  steps: z.record(z.string(), stepRecord),
});

export type StepRecord = z.infer<typeof stepRecord>;
export type ManifestFile = z.infer<typeof manifestFile>;

/** Where a manifest lies. `write` must be atomic and on disk when it resolves. */
export interface Store {
  readonly path: string;
  readonly backupPath: string;
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
  remove(): Promise<void>;
}

/** The manifest: what we were about to do. What is, the cloud's tags say. */
export class Manifest {
  readonly #store: Store;
  #file: ManifestFile;
  #lastWrite: Promise<void> = Promise.resolve();
  /** No manifest was there when it was opened. */
  readonly fresh: boolean;

  private constructor(store: Store, file: ManifestFile, fresh: boolean) {
    this.#store = store;
    this.#file = file;
    this.fresh = fresh;
  }

  /** Reads and checks, never writes. Refuses another environment's manifest, a newer one, and one that is not whole. */
  static async open(store: Store, identity: Pick<ManifestFile, "name" | "account" | "region">): Promise<Manifest> {
    const text = await store.read();
    if (text === undefined)
      return new Manifest(store, { version: 1, serial: 0, ...identity, pins: {}, steps: {} }, true);
    const file = parse(text, store);
    for (const key of ["name", "account", "region"] as const) {
      if (file[key] === identity[key]) continue;
      throw new RefusedError(
        `${store.path} belongs to ${key} ${file[key]}, and this run is for ${key} ${identity[key]}`,
        key === "account"
          ? "use that account's credentials (AWS_PROFILE), or work in another folder"
          : "work in another folder",
      );
    }
    return new Manifest(store, file, false);
  }

  get pins(): Pins {
    return this.#file.pins;
  }

  get(node: string): StepRecord | undefined {
    return this.#file.steps[node];
  }

  get records(): readonly (readonly [node: string, record: StepRecord])[] {
    return Object.entries(this.#file.steps);
  }

  /** Resolves when the record, and the pins that go with it, are on disk. */
  put(node: string, record: StepRecord, pins?: Pins): Promise<void> {
    return this.putAll({ [node]: record }, pins);
  }

  /** The same of several in one write: all of them are on disk, or none. */
  putAll(records: Readonly<Record<string, StepRecord>>, pins: Pins = {}): Promise<void> {
    return this.#write({ pins: { ...this.#file.pins, ...pins }, steps: { ...this.#file.steps, ...records } });
  }

  pin(pins: Pins): Promise<void> {
    return this.#write({ pins: { ...this.#file.pins, ...pins } });
  }

  drop(node: string): Promise<void> {
    const { [node]: _dropped, ...steps } = this.#file.steps;
    return this.#write({ steps });
  }

  /** Ends the manifest: nothing is left to remember. The backup stays. */
  remove(): Promise<void> {
    this.#lastWrite = this.#lastWrite.then(() => this.#store.remove());
    return this.#lastWrite;
  }

  /** One write at a time, in the order they were asked for; each writes the newest state. */
  #write(change: Partial<ManifestFile>): Promise<void> {
    this.#file = { ...this.#file, ...change, serial: this.#file.serial + 1 };
    const text = `${JSON.stringify(this.#file, null, 2)}\n`;
    const written = this.#lastWrite.then(() => this.#store.write(text));
    this.#lastWrite = written.catch(() => {});
    return written;
  }
}

function parse(text: string, { path, backupPath }: Store): ManifestFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new RefusedError(`${path} is not a whole manifest: ${(cause as Error).message}`, rescue(path, backupPath));
  }
  const version = typeof value === "object" && value !== null && "version" in value ? value.version : undefined;
  if (typeof version === "number" && version > 1) {
    throw new RefusedError(
      `${path} was written by a newer bootstrap (manifest version ${version})`,
      "update bootstrap",
    );
  }
  const checked = manifestFile.safeParse(value);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw new RefusedError(
    `${path} is not a manifest: ${issue?.path.join(".") || "the file"}: ${issue?.message ?? "unreadable"}`,
    rescue(path, backupPath),
  );
}

function rescue(path: string, backupPath: string): string {
  return `put the last good copy back (cp ${backupPath} ${path}), or remove ${path} and run again: what lives is found by its tags`;
}

const MANIFEST_HINTS = {
  writing: "make room or make the folder writable, then run the same command again: nothing that was made is lost",
  reading: "look at what stands there: it is to be a file that you may read",
} as const;

/** A manifest could not be written: the disk is full, or the folder read-only; or what stands in its place not read. */
export class ManifestError extends BootstrapError {
  constructor(path: string, cause: Error, doing: keyof typeof MANIFEST_HINTS = "writing") {
    super("manifest", `${doing} ${path}: ${cause.message}`, { hint: MANIFEST_HINTS[doing], cause });
  }
}
