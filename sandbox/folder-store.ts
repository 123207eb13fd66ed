import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { VirtualClock } from "./clock.ts";
import { withFileLock } from "./file-lock.ts";
import { type Store, World } from "./world.ts";

/** A world on disk, with its own virtual time, shared by every process that opens the same folder. */
export class FolderStore implements Store {
  readonly clock: VirtualClock;
  readonly #folder: string;
  readonly #path: string;
  readonly #fresh: () => World;
  #world: World;
  #stamp: string;
  #last: Promise<unknown> = Promise.resolve();

  constructor(folder: string, fresh: () => World) {
    // Where it is now: the working folder may go.
    this.#folder = resolve(folder);
    this.#path = join(this.#folder, "world.json");
    this.#fresh = fresh;
    this.#stamp = stampOf(this.#path);
    this.#world = this.#read();
    this.clock = new VirtualClock(this.#world.clock);
  }

  exclusively<T>(use: (world: World) => { readonly changed: boolean; readonly result: T }): Promise<T> {
    const turn = this.#last.then(() => {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      return withFileLock(`${this.#path}.lock`, () => {
        const world = this.#reload();
        const { changed, result } = use(world);
        if (changed) this.#save(world);
        return result;
      });
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  #reload(): World {
    const stamp = stampOf(this.#path);
    if (stamp !== this.#stamp) {
      this.#stamp = stamp;
      this.#world = this.#read();
      this.clock.follow(this.#world.clock);
    }
    return this.#world;
  }

  #read(): World {
    if (this.#stamp === "") return this.#fresh();
    try {
      return World.parse(readFileSync(this.#path, "utf8"));
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`cannot read the sandbox's world in ${this.#path}: ${reason}; remove its folder to begin anew`, {
        cause,
      });
    }
  }

  #save(world: World): void {
    world.serial += 1;
    world.clock = this.clock.state();
    const temporary = `${this.#path}.${process.pid}.tmp`;
    writeFileSync(temporary, world.toText(), { mode: 0o600 });
    renameSync(temporary, this.#path);
    this.#stamp = stampOf(this.#path);
  }
}

/** Differs for every file that was ever renamed into place. */
function stampOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? "" : `${stat.ino} ${stat.mtimeNs} ${stat.size}`;
}
