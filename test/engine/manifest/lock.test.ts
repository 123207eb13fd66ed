import { writeFileSync } from "node:fs";
import fs, { link, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { RefusedError } from "../../../src/engine/errors.ts";
import { lock, type Owner } from "../../../src/engine/manifest/lock.ts";

let folder: string;
let path: string;
let notes: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lock-"));
  path = join(folder, ".bootstrap", "lab.us-east-1.lock");
  notes = [];
});
afterEach(() => rm(folder, { recursive: true }));

function owner(pid: number, over: Partial<Owner> = {}): Owner {
  return { pid, host: "bench-1", since: "2026-11-21T07:00:00.000Z", verb: "up", ...over };
}

interface Try {
  /** Process ids of this host that live. */
  readonly alive?: readonly number[];
  readonly takeOver?: boolean;
}

function take(who: Owner, { alive = [], takeOver = false }: Try = {}) {
  return lock(path, {
    ...{ owner: who, takeOver, isAlive: ({ pid }) => alive.includes(pid), note: (text) => notes.push(text) },
  });
}

const refusal = (attempt: Promise<unknown>) =>
  attempt.then(
    () => undefined,
    (error: unknown) => error as RefusedError,
  );
const left = () => readdir(join(folder, ".bootstrap"));

describe("a lock", () => {
  it("is taken where none is, names its owner, and leaves nothing behind when released", async () => {
    const release = await take(owner(1));
    expect(JSON.parse(await readFile(path, "utf8"))).toEqual(owner(1));
    expect(await left()).toEqual(["lab.us-east-1.lock"]);
    await release();
    expect([await left(), notes]).toEqual([[], []]);
  });

  it("can be taken by the next one when it was released", async () => {
    await (await take(owner(1)))();
    await take(owner(2), { alive: [1] });
    expect(notes).toEqual([]);
  });

  it("refuses while a live one holds it, and says who, where and since when", async () => {
    await take(owner(1, { verb: "bake-ami" }));
    const error = await refusal(take(owner(2), { alive: [1] }));
    expect(error).toBeInstanceOf(RefusedError);
    expect(error?.message).toContain("bake-ami, pid 1 on bench-1, since 2026-11-21T07:00:00.000Z");
    expect(error?.hint).toContain("kill 1");
    expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ pid: 1 });
    expect(await left()).toEqual(["lab.us-east-1.lock"]);
  });

  it("is taken over from a dead one on this host, with a note", async () => {
    await take(owner(1));
    const release = await take(owner(2));
    expect(notes).toEqual(["taking over the lock of up, pid 1 on bench-1, which is gone"]);
    expect(JSON.parse(await readFile(path, "utf8"))).toEqual(owner(2));
    await release();
    expect(await left()).toEqual([]);
  });

  it("is taken over from an earlier process that had the same number", async () => {
    await take(owner(1, { since: "2026-11-20T07:00:00.000Z" }));
    await take(owner(1), { alive: [1] });
    expect(notes.length).toBe(1);
  });

  it("is taken over from one that had the same number and was killed before it had put its own file away", async () => {
    const [killed, next] = [owner(1, { born: "1" }), owner(1, { born: "2" })];
    await take(killed);
    await link(path, `${path}.bench-1..1`);
    const release = await take(next, { alive: [1] });
    expect(JSON.parse(await readFile(path, "utf8"))).toEqual(next);
    expect(notes.length).toBe(1);
    await release();
    expect(await left()).toEqual([]);
  });

  it("is not taken over from another host, whose processes cannot be seen, unless told to", async () => {
    await take(owner(1, { host: "bench-2" }));
    const error = await refusal(take(owner(2)));
    expect(error).toBeInstanceOf(RefusedError);
    expect(error?.hint).toContain("bootstrap up --take-over-lock");
    expect(notes).toEqual([]);

    await take(owner(2), { takeOver: true });
    expect(notes).toEqual(["taking over the lock of up, pid 1 on bench-2, which was given up"]);
    expect(JSON.parse(await readFile(path, "utf8"))).toEqual(owner(2));
  });

  it("is not taken over from another container, where our own number is somebody else's, unless told to", async () => {
    await take(owner(1, { pidNamespace: "pid:[4026532178]" }));
    const us = owner(1, { pidNamespace: "pid:[4026532999]" });
    const error = await refusal(take(us));
    expect(error).toBeInstanceOf(RefusedError);
    expect(error?.message).toContain("up, pid 1 on bench-1 in another container, since");
    expect(error?.hint).toContain("bootstrap up --take-over-lock");

    await take(us, { takeOver: true });
    expect(notes).toEqual(["taking over the lock of up, pid 1 on bench-1 in another container, which was given up"]);
    expect(JSON.parse(await readFile(path, "utf8"))).toEqual(us);
    expect(await left()).toEqual(["lab.us-east-1.lock"]);
  });

  it("is taken over from a dead one that did not say in which namespace its number counts", async () => {
    await take(owner(1));
    await take(owner(2, { pidNamespace: "pid:[4026532178]" }));
    expect(notes).toEqual(["taking over the lock of up, pid 1 on bench-1, which is gone"]);
  });

  it("is not taken over from a process of our own number that was born with us", async () => {
    await take(owner(1, { born: "boot 77" }));
    expect(await refusal(take(owner(1, { born: "boot 77" }), { alive: [1] }))).toBeInstanceOf(RefusedError);
    await take(owner(1, { born: "boot 78" }), { alive: [1] });
    expect(notes.length).toBe(1);
  });

  it("is not taken over from a live one on this host, told to or not", async () => {
    await take(owner(1));
    expect(await refusal(take(owner(2), { alive: [1], takeOver: true }))).toBeInstanceOf(RefusedError);
  });

  it("is taken over although another heir died at it", async () => {
    await take(owner(1));
    await writeFile(`${path}.given-up`, JSON.stringify(owner(2)));
    expect(await refusal(take(owner(3), { alive: [2] }))).toMatchObject({ message: expect.stringContaining("pid 2") });
    await take(owner(3));
    expect(await left()).toEqual(["lab.us-east-1.lock"]);
  });

  it("is not taken over from an heir who was quicker", async () => {
    await take(owner(1));
    const attempt = lock(path, {
      owner: owner(2),
      isAlive({ pid }) {
        if (pid === 3) return true;
        // Between the look at the dead one's lock and the move into its place.
        writeFileSync(path, JSON.stringify(owner(3)));
        return false;
      },
      note: (text) => notes.push(text),
    });
    expect(await refusal(attempt)).toMatchObject({ message: expect.stringContaining("pid 3") });
    expect([JSON.parse(await readFile(path, "utf8")), notes]).toEqual([owner(3), []]);
  });

  it("is not released by one from whom it was taken over", async () => {
    const release = await take(owner(1, { host: "bench-2" }));
    await take(owner(2), { takeOver: true });
    await release();
    expect(JSON.parse(await readFile(path, "utf8"))).toEqual(owner(2));
  });

  it.each([
    ...["", "{", "null", "{}", "123", '"up"', "[]"],
    // `kill 0` and `kill -1` would be the end of more than a run.
    ...[0, -1, 1.5, "7"].map((pid) => JSON.stringify({ ...owner(1), pid })),
  ])("that cannot be read as one is refused with the way out: %s", async (text) => {
    await (await take(owner(1)))();
    await writeFile(path, text);
    const error = await refusal(take(owner(2)));
    expect(error).toBeInstanceOf(RefusedError);
    expect([error?.message, error?.hint]).toEqual([
      `${path} cannot be read as a lock`,
      `if no other run is at work: rm ${path}`,
    ]);
    expect(await readFile(path, "utf8")).toBe(text);
  });

  it("that somebody wrote over while the run went on is left alone when it ends", async () => {
    const release = await take(owner(1));
    await writeFile(path, "mine");
    await release();
    expect(await readFile(path, "utf8")).toBe("mine");
  });

  it("cannot be taken where nothing can be written, and says so in the system's words", async () => {
    await writeFile(join(folder, ".bootstrap"), "");
    expect(await refusal(take(owner(1)))).toMatchObject({
      code: "lock",
      message: expect.stringMatching(/^taking .*\.lock: (EEXIST|ENOTDIR)/),
      hint: expect.stringContaining("in a folder that can be written"),
    });
  });
});

/** As FAT and many network file systems answer. */
function noLinks(code: string) {
  const { link } = fs;
  fs.link = async (from) => {
    throw Object.assign(new Error(`${code}: link '${String(from)}'`), { code });
  };
  syncBuiltinESMExports();
  onTestFinished(() => {
    fs.link = link;
    syncBuiltinESMExports();
  });
}

describe.each(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"])("a lock on a disk that answers links with %s", (code) => {
  it("is taken, refused, taken over, claimed and released all the same", async () => {
    noLinks(code);
    const release = await take(owner(1));
    expect(JSON.parse(await readFile(path, "utf8"))).toEqual(owner(1));
    expect(await refusal(take(owner(2), { alive: [1] }))).toBeInstanceOf(RefusedError);
    await release();
    expect(await left()).toEqual([]);

    await take(owner(1));
    await writeFile(`${path}.given-up`, JSON.stringify(owner(2)));
    expect(await refusal(take(owner(3), { alive: [2] }))).toMatchObject({ message: expect.stringContaining("pid 2") });
    await take(owner(3));
    expect(notes).toEqual(["taking over the lock of up, pid 1 on bench-1, which is gone"]);
    expect(await left()).toEqual(["lab.us-east-1.lock"]);
  });

  it("has one winner of several at once", async () => {
    noLinks(code);
    for (let round = 0; round < 10; round++) {
      const tries = await Promise.allSettled([1, 2, 3, 4].map((pid) => take(owner(pid), { alive: [1, 2, 3, 4] })));
      expect(tries.filter(({ status }) => status === "fulfilled").length).toBe(1);
      for (const one of tries) if (one.status === "rejected") expect(one.reason).toBeInstanceOf(RefusedError);
      await rm(path);
    }
  });
});

describe("several at once", () => {
  const PIDS = [1, 2, 3, 4, 5, 6, 7, 8];

  it("find exactly one winner", async () => {
    for (let round = 0; round < 10; round++) {
      const tries = await Promise.allSettled(PIDS.map((pid) => take(owner(pid), { alive: PIDS })));
      const won = tries.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
      expect(won.length).toBe(1);
      for (const one of tries) if (one.status === "rejected") expect(one.reason).toBeInstanceOf(RefusedError);
      await won[0]!();
      expect(await left()).toEqual([]);
    }
  });

  it("find exactly one winner also when they come upon a dead one", async () => {
    for (let round = 0; round < 10; round++) {
      await take(owner(99));
      const tries = await Promise.allSettled(PIDS.map((pid) => take(owner(pid), { alive: PIDS })));
      const won = tries.flatMap((one, at) => (one.status === "fulfilled" ? [at + 1] : []));
      expect(won.length).toBe(1);
      expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ pid: won[0] });
      expect(await left()).toEqual(["lab.us-east-1.lock"]);
      await rm(path);
    }
  });
});
