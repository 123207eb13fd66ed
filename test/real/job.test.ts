import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, it } from "vitest";
import { demandTools } from "./image/tools.ts";
import { run, SequencingLab } from "./job/sequencing-lab.ts";

const tiles = "tile 1\n".repeat(1000) + "tile 2\n".repeat(1000);
const output = ["plant.fastq.gz", "split.json", "worm.fastq.gz"];
const complete = output.map((name) => `${run}/${name}`);
const delivered = ["split", run, "--destination", "s3://results"] as const;

beforeAll(() => demandTools({ unshare: "util-linux", pgrep: "procps", python3: "python3" }));

describe("a job in its container", () => {
  it("goes from bucket to bucket, and leaves its node's disk as it was", async () => {
    using lab = new SequencingLab();
    expect(await lab.job(delivered)).toMatchObject({ status: 0 });
    expect(lab.read(`fsx/splited/${run}/worm.fastq.gz`)).toBe(`worm\n${tiles}`);
    expect(lab.files("fsx/splited")).toEqual(complete);
    expect(lab.files("s3/results")).toEqual(complete);
    expect(lab.files("scratch")).toEqual([]);
  });

  it("does nothing twice when it is submitted again, but for what is missing", async () => {
    using lab = new SequencingLab();
    await lab.job(["split", run]);
    expect(await lab.job(delivered, { id: "job-2" })).toMatchObject({ status: 0 });
    expect(lab.demultiplexed).toBe(1);
    expect(lab.files("s3/results")).toEqual(complete);
  });

  it.each([
    ["the file system", ["copy", run]],
    ["the scratch disk", ["split", run, "--keep-scratch"]],
  ])("splits once more from %s, without the bucket's run folder", async (_, first) => {
    using lab = new SequencingLab();
    expect((await lab.job(first)).status).toBe(0);
    lab.write(`s3/runs/${run}/RunInfo.xml`, "");
    expect((await lab.job(["rerun", run, "--name", "again", "--mask", "Y76"])).status).toBe(0);
    expect(lab.read("fsx/splited/again/worm.fastq.gz")).toBe(`worm\n${tiles}`);
  });

  it("copies a run whole, and only what is new when it is copied again", async () => {
    using lab = new SequencingLab();
    await lab.job(["copy", run]);
    lab.write(`s3/runs/${run}/CopyComplete.txt`, "now");
    expect((await lab.job(["copy", run])).status).toBe(0);
    expect(lab.files("fsx/fastq")).toEqual(lab.files("s3/runs").filter((name) => !name.endsWith(".csv")));
  });
});

describe("a job whose part fails ends with that part's code and leaves nothing that looks complete", () => {
  it.each([
    ["there is no sample sheet", 1, {}, [...delivered, "--sheet", "s3://runs/other.csv"], "HeadObject operation"],
    ["there is no such run", 1, {}, ["split", "no-run", "--sheet", `s3://runs/${run}.csv`], "there is nothing at"],
    ["there is nothing to copy", 1, {}, ["copy", "no-run"], "there is nothing at s3://runs/no-run"],
    ["bcl2fastq fails", 42, { FAILS_WITH: "42" }, delivered, "bcl2fastq ended with 42"],
    ["the bucket refuses the result", 1, { DENIED: "yes" }, delivered, "AccessDenied"],
  ])("when %s", async (_, status, environment, words, reason) => {
    using lab = new SequencingLab();
    const ended = await lab.job(words, { environment });
    expect(ended).toMatchObject({ status, log: expect.stringContaining(reason) });
    expect(lab.files("scratch")).toEqual([]);
    expect(lab.files("s3/results")).toEqual([]);
    expect(lab.files("fsx/fastq").filter((name) => !name.startsWith("."))).toEqual([]);
    expect(lab.files("fsx/splited")).toEqual("DENIED" in environment ? complete : []);
  });
});

const moments = [
  ["while it fetches the sheet", `${run}.csv`],
  ["while it fetches the run", "L002.cbcl"],
  ["while it splits", "worm"],
] as const;

describe.each(["SIGTERM", "SIGKILL"] as const)("a job that is ended by %s", (signal) => {
  // Of a killed child unshare only says that it failed.
  const status = signal === "SIGTERM" ? 143 : 1;

  it.each(moments)("%s has no output, and the next attempt leaves no trace of it", async (_, held) => {
    using lab = new SequencingLab();
    expect(await (await lab.jobHeld(held, delivered)).end(signal)).toMatchObject({ status });
    expect(lab.files("fsx/splited").filter((name) => !name.startsWith("."))).toEqual([]);
    expect(lab.files("s3/results")).toEqual([]);
    if (signal === "SIGTERM") expect([...lab.files("fsx/splited"), ...lab.files("scratch")]).toEqual([]);
    expect((await lab.job(delivered)).status).toBe(0);
    expect(lab.files("fsx/splited")).toEqual(complete);
    expect(lab.files("scratch")).toEqual([]);
  });

  it("while it uploads has no split.json there, and the next attempt only uploads", async () => {
    using lab = new SequencingLab();
    expect(await (await lab.jobHeld("worm.fastq.gz", delivered)).end(signal)).toMatchObject({ status });
    expect(lab.files("s3/results")).not.toContain(`${run}/split.json`);
    expect((await lab.job(delivered)).status).toBe(0);
    expect(lab.files("s3/results")).toEqual(expect.arrayContaining(complete));
    expect(lab.demultiplexed).toBe(1);
  });

  it("while it copies gives the run no name, and the next attempt leaves no half file in it", async () => {
    using lab = new SequencingLab();
    expect(await (await lab.jobHeld("L002.cbcl", ["copy", run])).end(signal)).toMatchObject({ status });
    expect(lab.files("fsx/fastq").every((name) => name.startsWith(`.${run}.partial/`))).toBe(true);
    expect((await lab.job(["copy", run])).status).toBe(0);
    expect(lab.files("fsx/fastq")).toEqual(lab.files("s3/runs").filter((name) => !name.endsWith(".csv")));
  });

  it("frees its node's disk at the latest when another job comes", async () => {
    using lab = new SequencingLab();
    await (await lab.jobHeld("L002.cbcl", delivered)).end(signal);
    expect((await lab.job(["split", run], { id: "job-2" })).status).toBe(0);
    expect(lab.files("scratch")).toEqual([]);
  });
});

describe("two jobs on one node", () => {
  it("leave each other's files alone", async () => {
    using lab = new SequencingLab();
    const other = await lab.jobHeld("worm", ["split", run], { id: "job-2" });
    const disk = lab.files("scratch");
    expect(await lab.job(["split", run, "--name", "mine"])).toMatchObject({ status: 0 });
    expect(lab.files("scratch")).toEqual(disk);
    expect(disk).toContain(`.${run}.job-2.work/${run}/RunInfo.xml`);
    expect(await other.end("SIGTERM")).toMatchObject({ status: 143 });
    expect(lab.files("fsx/splited")).toEqual(output.map((name) => `mine/${name}`));
  });
});

describe("a job that is told to end at the wrong moment", () => {
  /** The signal comes just before the function works on a path with these letters in it. */
  const signalled = (owner: string, name: string, letters: string) => `import os, shutil, signal, sys, split
from pathlib import Path
real = ${owner}.${name}
def signalled(path, *more, **named):
    if ${JSON.stringify(letters)} in str(path): os.kill(os.getpid(), signal.SIGTERM)
    return real(path, *more, **named)
${owner}.${name} = signalled`;

  it("cleans up to the end", async () => {
    using lab = new SequencingLab();
    const ended = await lab.job(["split", run], { before: signalled("shutil", "rmtree", ".work") });
    expect(ended.status).toBe(143);
    expect(lab.files("scratch")).toEqual([]);
    expect(lab.files("fsx/splited")).toEqual(complete);
  });

  it("has either the old output or the new one", async () => {
    using lab = new SequencingLab();
    await lab.job(["split", run, "--mask", "Y76"]);
    const again = ["split", run, "--mask", "Y151", "--replace"];
    expect((await lab.job(again, { before: signalled("Path", "rename", ".partial") })).status).toBe(143);
    expect(lab.read(`fsx/splited/${run}/split.json`)).toContain("Y151");
    expect(lab.files("fsx/splited")).toEqual(complete);
  });

  it("can be tried again also when it was killed while the old output went", async () => {
    using lab = new SequencingLab();
    await lab.job(["split", run]);
    lab.write(`fsx/splited/.${run}.job-1.old/half.fastq.gz`, "");
    expect((await lab.job(["split", run, "--replace"])).status).toBe(0);
    expect(lab.files("fsx/splited")).toEqual(complete);
  });
});

describe("a job that runs out of disk", () => {
  async function withDisk<T>(lab: SequencingLab, folder: string, use: () => Promise<T>): Promise<T> {
    const disk = join(lab.root, folder);
    mkdirSync(disk, { recursive: true });
    await execa("mount", ["-t", "tmpfs", "-o", "size=16k", "tmpfs", disk]);
    try {
      return await use();
    } finally {
      await execa("umount", [disk]);
    }
  }

  it("on its node says so, frees it, and has no output", async () => {
    using lab = new SequencingLab();
    await withDisk(lab, "scratch", async () => {
      const ended = await lab.job(delivered);
      expect(ended).toMatchObject({ status: 1, log: expect.stringContaining("No space left on device") });
      expect(lab.files("scratch")).toEqual([]);
    });
    expect([...lab.files("fsx/splited"), ...lab.files("s3/results")]).toEqual([]);
  });

  it("on the file system says so, and gives the half output no name", async () => {
    using lab = new SequencingLab();
    await withDisk(lab, "fsx/splited", async () => {
      const ended = await lab.job(delivered);
      expect(ended).toMatchObject({ status: 1, log: expect.stringContaining("No space left on device") });
      expect(lab.files("fsx/splited")).toEqual([]);
    });
    expect([...lab.files("scratch"), ...lab.files("s3/results")]).toEqual([]);
  });
});
