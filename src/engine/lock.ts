import { link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { RefusedError } from "./errors.ts";

/** Who holds a lock. */
export interface Owner {
  readonly pid: number;
  readonly host: string;
  readonly since: string;
  /** What it is doing: the command line's verb. */
  readonly verb: string;
}

export interface LockOptions {
  readonly owner: Owner;
  /** Is a process of this host alive? */
  isAlive(pid: number): boolean;
  /** Take it over also from another host, whose processes cannot be seen from here. */
  readonly takeOver?: boolean;
  note(text: string): void;
}

/**
 * One run at a time: takes the lock or refuses, naming its holder. A dead holder on this host is taken over with a
 * note. Answers the release.
 */
export async function lock(
  path: string,
  { owner, isAlive, takeOver, note }: LockOptions,
): Promise<() => Promise<void>> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  // A link appears whole or not at all, so no reader ever sees half a lock.
  const own = `${path}.${owner.host}.${owner.pid}`;
  await writeFile(own, JSON.stringify(owner), { mode: 0o600 });
  try {
    for (;;) {
      try {
        await link(own, path);
        return () => release(path, owner);
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
      }
      const holder = await read(path);
      if (holder === undefined) continue;
      const dead = holder.host === owner.host && (holder.pid === owner.pid || !isAlive(holder.pid));
      if (!dead && !takeOver) {
        throw new RefusedError(
          `another run holds ${path}: ${holder.verb}, pid ${holder.pid} on ${holder.host}, since ${holder.since}`,
          holder.host === owner.host
            ? `wait for it, or stop it (kill ${holder.pid}) and run again`
            : `if ${holder.host} is surely not at work: bootstrap ${owner.verb} --take-over-lock`,
        );
      }
      note(
        `taking over the lock of ${holder.verb}, pid ${holder.pid} on ${holder.host}, which ${dead ? "is gone" : "was given up"}`,
      );
      await bury(path, holder);
    }
  } finally {
    await rm(own, { force: true });
  }
}

/** Moves a given-up lock aside; if another run has taken its place meanwhile, that one's lock is put back. */
async function bury(path: string, holder: Owner): Promise<void> {
  const grave = `${path}.${holder.host}.${holder.pid}.given-up`;
  try {
    await rename(path, grave);
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  const buried = await read(grave);
  if (buried && (buried.pid !== holder.pid || buried.since !== holder.since)) await link(grave, path).catch(() => {});
  await rm(grave, { force: true });
}

async function read(path: string): Promise<Owner | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as Owner;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new RefusedError(`${path} cannot be read as a lock`, `if no other run is at work: rm ${path}`);
  }
}

async function release(path: string, owner: Owner): Promise<void> {
  const holder = await read(path);
  if (holder?.pid === owner.pid && holder.host === owner.host) await rm(path, { force: true });
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
