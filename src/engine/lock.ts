import { link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { BootstrapError, RefusedError } from "./errors.ts";
import { hasCode } from "./file-error.ts";

/** Who holds a lock. */
export interface Owner {
  readonly pid: number;
  readonly host: string;
  readonly since: string;
  /** What it is doing: the command line's verb. */
  readonly verb: string;
  /** When the system started it, where that is known: its number may be another process's by now. */
  readonly born?: string | undefined;
}

export interface LockOptions {
  readonly owner: Owner;
  /** Is this process of our own host alive? */
  isAlive(holder: Owner): boolean;
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
  // A number of our own that is taken was an earlier process's.
  const isGone = (holder: Owner) =>
    holder.host === owner.host ? holder.pid === owner.pid || !isAlive(holder) : takeOver === true;
  // A link appears whole or not at all, so no reader ever sees half a lock.
  const own = `${path}.${owner.host}.${owner.pid}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(own, JSON.stringify(owner), { mode: 0o600 });
  } catch (cause) {
    throw new BootstrapError("lock", `writing ${own}: ${(cause as Error).message}`, {
      hint: "run it in a folder that can be written: the environment's journal lies there",
      cause,
    });
  }
  try {
    for (;;) {
      try {
        await link(own, path);
        return () => release(path, owner);
      } catch (error) {
        if (!hasCode(error, "EEXIST")) throw error;
      }
      const holder = await read(path);
      if (holder === undefined) continue;
      if (!isGone(holder)) throw held(path, holder, owner);
      if (await succeed(path, own, holder, owner, isGone)) {
        const how = holder.host === owner.host ? "is gone" : "was given up";
        note(`taking over the lock of ${holder.verb}, pid ${holder.pid} on ${holder.host}, which ${how}`);
        return () => release(path, owner);
      }
    }
  } finally {
    await rm(own, { force: true });
  }
}

function held(path: string, { verb, pid, host, since }: Owner, owner: Owner): RefusedError {
  return new RefusedError(
    `another run holds ${path}: ${verb}, pid ${pid} on ${host}, since ${since}`,
    host === owner.host
      ? `wait for it, or stop it (kill ${pid}) and run again; if ${pid} is another program by now: rm ${path}`
      : `if ${host} is surely not at work: bootstrap ${owner.verb} --take-over-lock`,
  );
}

/** Puts `own` in the place of a lost lock; one heir at a time, so that nobody's new lock is taken for the lost one. */
async function succeed(
  path: string,
  own: string,
  lost: Owner,
  owner: Owner,
  isGone: (holder: Owner) => boolean,
): Promise<boolean> {
  const claim = `${path}.${lost.host}.${lost.pid}.given-up`;
  try {
    await link(own, claim);
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
    const heir = await read(claim);
    if (heir && !isGone(heir)) throw held(path, heir, owner);
    if (heir) await rm(claim, { force: true });
    return false;
  }
  try {
    const holder = await read(path);
    if (holder?.host !== lost.host || holder.pid !== lost.pid || holder.since !== lost.since) return false;
    await rename(own, path);
    return true;
  } finally {
    await rm(claim, { force: true });
  }
}

async function read(path: string): Promise<Owner | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as Owner;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw new RefusedError(`${path} cannot be read as a lock`, `if no other run is at work: rm ${path}`);
  }
}

async function release(path: string, owner: Owner): Promise<void> {
  const holder = await read(path);
  if (holder?.pid === owner.pid && holder.host === owner.host) await rm(path, { force: true });
}
