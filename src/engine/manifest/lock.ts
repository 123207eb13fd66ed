import { link, mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { BootstrapError, RefusedError } from "../errors.ts";
import { hasCode } from "../file-error.ts";
import { hint } from "../hint.ts";

const lockFile = z.object({
  // To `kill`, 0 and negative numbers are whole groups.
  pid: z.int().positive(),
  host: z.string(),
  since: z.string(),
  /** What it is doing: the command line's verb. */
  verb: z.string(),
  /** When the system started it, where that is known: its number may be another process's by now. */
  born: z.string().optional(),
  /** In which its number counts, where that is known: containers of one host have their own, and may share its name. */
  pidNamespace: z.string().optional(),
});

/** Who holds a lock. */
export type Owner = Readonly<z.infer<typeof lockFile>>;

export interface LockOptions {
  readonly owner: Owner;
  /** Is this process of our own host and namespace alive? */
  isAlive(holder: Owner): boolean;
  /** Take it over also from another host or container, whose processes cannot be seen from here. */
  readonly takeOver?: boolean;
  note(text: string): void;
}

/**
 * One run at a time: takes the lock or refuses, naming its holder. A dead holder whose processes can be seen from here
 * is taken over with a note. Answers the release.
 */
export async function lock(
  path: string,
  { owner, isAlive, takeOver, note }: LockOptions,
): Promise<() => Promise<void>> {
  const isGone = (holder: Owner) => {
    if (!isNear(holder, owner)) return takeOver === true;
    // A number of our own that is taken was an earlier process's, unless it was born with us.
    const wasEarlier = holder.pid === owner.pid && (holder.born === undefined || holder.born !== owner.born);
    return wasEarlier || !isAlive(holder);
  };
  const own = `${path}.${owner.host}.${owner.pidNamespace?.replace(/\W+/g, "") ?? ""}.${owner.pid}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    // One of this name was left by a killed run, and may be that run's lock under a second name.
    await rm(own, { force: true });
    await writeFile(own, JSON.stringify(owner), { mode: 0o600 });
    for (;;) {
      if (await place(own, path)) return () => release(path, owner);
      const holder = await read(path);
      if (holder === undefined) continue;
      if (!isGone(holder)) throw held(path, holder, owner);
      if (await succeed(path, own, holder, owner, isGone)) {
        const how = isNear(holder, owner) ? "is gone" : "was given up";
        note(`taking over the lock of ${holder.verb}, ${whereabouts(holder, owner)}, which ${how}`);
        return () => release(path, owner);
      }
    }
  } catch (cause) {
    if (cause instanceof BootstrapError) throw cause;
    throw new BootstrapError("lock", `taking ${path}: ${(cause as Error).message}`, {
      hint: "run it in a folder that can be written: the environment's manifest lies there",
      cause,
    });
  } finally {
    await rm(own, { force: true }).catch(() => {});
  }
}

/** Can its processes be seen from here? Whoever does not say in which namespace it counts is believed to count in ours. */
function isNear(holder: Owner, owner: Owner): boolean {
  return holder.host === owner.host && (holder.pidNamespace ?? owner.pidNamespace) === owner.pidNamespace;
}

function whereabouts(holder: Owner, owner: Owner): string {
  const where = holder.host === owner.host && !isNear(holder, owner) ? " in another container" : "";
  return `pid ${holder.pid} on ${holder.host}${where}`;
}

function held(path: string, holder: Owner, owner: Owner): RefusedError {
  const { verb, pid, host, since } = holder;
  const far = host === owner.host ? "that container" : host;
  return new RefusedError(
    `another run holds ${path}: ${verb}, ${whereabouts(holder, owner)}, since ${since}`,
    isNear(holder, owner)
      ? `wait for it, or stop it (kill ${pid}) and run again; if ${pid} is another program by now: rm ${path}`
      : hint`if ${far} is surely not at work: ${[owner.verb, "--take-over-lock"]}`,
  );
}

/** FAT, exFAT and many network file systems answer so. */
const NO_LINKS: readonly string[] = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EINVAL"];

/**
 * Puts a copy of the one file where no other is yet; false where there is one. A link appears whole or not at all;
 * where a disk knows none, a reader who is quick may see a part of the copy, and refuses.
 */
async function place(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    if (!NO_LINKS.some((code) => hasCode(error, code))) throw error;
  }
  const text = await readFile(from);
  const file = await open(to, "wx", 0o600).catch((error: unknown) => {
    if (!hasCode(error, "EEXIST")) throw error;
  });
  if (file === undefined) return false;
  try {
    await file.writeFile(text);
  } catch (error) {
    await rm(to, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return true;
}

/** Puts `own` in the place of a lost lock; one heir at a time, so that nobody's new lock is taken for the lost one. */
async function succeed(
  path: string,
  own: string,
  lost: Owner,
  owner: Owner,
  isGone: (holder: Owner) => boolean,
): Promise<boolean> {
  const claim = `${path}.given-up`;
  if (!(await place(own, claim))) {
    const heir = await read(claim);
    if (heir && !isGone(heir)) throw held(path, heir, owner);
    if (heir) await rm(claim, { force: true });
    return false;
  }
  try {
    const holder = await read(path);
    if (holder === undefined || !isSame(holder, lost)) return false;
    await rename(own, path);
    return true;
  } finally {
    await rm(claim, { force: true });
  }
}

async function read(path: string): Promise<Owner | undefined> {
  try {
    return lockFile.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw new RefusedError(`${path} cannot be read as a lock`, `if no other run is at work: rm ${path}`);
  }
}

function isSame(a: Owner, b: Owner): boolean {
  return (["pid", "host", "since", "born", "pidNamespace"] as const).every((key) => a[key] === b[key]);
}

/** What is not ours by now is left alone, whatever it is. */
async function release(path: string, owner: Owner): Promise<void> {
  const holder = await read(path).catch(() => undefined);
  if (holder && isSame(holder, owner)) await rm(path, { force: true });
}
