import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, it } from "vitest";
import { demandTools } from "./image/tools.ts";
import { run, SequencingLab } from "./job/sequencing-lab.ts";

const reads = (sample: string, lane: number) => `${sample}\n${`lane ${lane}\n`.repeat(1000)}`;
const ofLanes = (...lanes: readonly number[]) =>
  [
    "InterOp/IndexMetricsOut.bin",
    ...["plant", "worm"].flatMap((sample) => lanes.map((lane) => `${sample}_L00${lane}.fastq.gz`)),
    "split.json",
  ].sort();
const output = ofLanes(1, 2);
const complete = output.map((name) => `${run}/${name}`);
const delivered = ["split", run, "--destination", "s3://results"] as const;

beforeAll(() => demandTools({ unshare: "util-linux", pgrep: "procps", python3: "python3" }));

describe("a job in its container", () => {
  it("goes from bucket to bucket, and leaves its node's disk as it was", async () => {
    using lab = new SequencingLab();
    expect(await lab.job(delivered)).toMatchObject({ status: 0 });
    expect(lab.read(`fsx/splited/${run}/worm_L002.fastq.gz`)).toBe(reads("worm", 2));
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
    expect(lab.read("fsx/splited/again/worm_L002.fastq.gz")).toBe(reads("worm", 2));
  });

  it("copies a run whole, and only what is new when it is copied again", async () => {
    using lab = new SequencingLab();
    await lab.job(["copy", run]);
    lab.write(`s3/runs/${run}/CopyComplete.txt`, "now");
    expect((await lab.job(["copy", run])).status).toBe(0);
    expect(lab.files("fsx/fastq")).toEqual(lab.files("s3/runs").filter((name) => !name.endsWith(".csv")));
  });

  it("leaves the copied run as it is when lanes of it are split again at the same time", async () => {
    using lab = new SequencingLab();
    await lab.job(["copy", run]);
    const copied = lab.files("fsx/fastq");
    const again = (lane: string) => lab.job(["rerun", run, "--lane", lane], { id: `job-${lane}` });
    expect((await Promise.all(["1", "2"].map(again))).map(({ status }) => status)).toEqual([0, 0]);
    expect(lab.files("fsx/fastq")).toEqual(copied);
    expect(lab.files("fsx/splited")).toContain(`${run}.L002/InterOp/IndexMetricsOut.bin`);
  });

  it("says how far the download is while it goes on, and asks for no more than the lane", async () => {
    using lab = new SequencingLab();
    const before = "import sys, split\nfrom demux import bucket\nbucket.TELL_EVERY_SECONDS = 0.1";
    const words = ["split", run, "--lane", "2"];
    const { log = "" } = await lab.job(words, { before, environment: { SLOW: "0.5" } });
    const told = log.match(/fetched .*/g) ?? [];
    expect(told.length).toBeGreaterThan(2);
    expect(told.at(-1)).toMatch(/^fetched 7\.0 kB of 7\.0 kB, 100 %, in \d+ s at [\d.]+ \w+ a second$/);
    expect(lab.read(`fsx/splited/${run}.L002/worm_L002.fastq.gz`)).toBe(reads("worm", 2));
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

  it("while it uploads has a split.json there that says so, and the next attempt only uploads", async () => {
    using lab = new SequencingLab();
    expect(await (await lab.jobHeld("worm_L001.fastq.gz", delivered)).end(signal)).toMatchObject({ status });
    const uploaded = () => JSON.parse(lab.read(`s3/results/${run}/split.json`)).complete;
    expect(uploaded()).toBe(false);
    expect((await lab.job(delivered)).status).toBe(0);
    expect(lab.files("s3/results")).toEqual(expect.arrayContaining(complete));
    expect(uploaded()).toBe(true);
    expect(lab.demultiplexed).toBe(1);
  });

  it("while it copies gives the run no name, and the next attempt leaves no half file in it", async () => {
    using lab = new SequencingLab();
    expect(await (await lab.jobHeld("L002.cbcl", ["copy", run])).end(signal)).toMatchObject({ status });
    expect(lab.files("fsx/fastq").every((name) => name.startsWith(`.${run}.`))).toBe(true);
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

/** Some sixty jobs one after the other, on a machine that has other work too. */
const UNHURRIED = 1_800_000;

/** Ends the process, and with it the container, just before the step that KILL_AT counts down to. */
const killed = `import os, shutil, subprocess, sys, split
from pathlib import Path
left = int(os.environ["KILL_AT"])
def counted(owner, name):
    real = getattr(owner, name)
    def step(*words, **named):
        global left
        left -= 1
        if left == 0: os._exit(137)
        return real(*words, **named)
    setattr(owner, name, step)
for owner, names in {Path: ["rename", "mkdir", "unlink"], shutil: ["rmtree"], subprocess: ["Popen"], os: ["ftruncate"]}.items():
    for name in names: counted(owner, name)`;

describe("a job that is killed before any of its steps", () => {
  it("is made good by its next attempt, and by another job", { timeout: UNHURRIED }, async () => {
    const words = ["split", run, "--lane", "1", "--destination", "s3://results"];
    let points = 0;
    for (let at = 1; ; at += 1) {
      using lab = new SequencingLab();
      const first = await lab.job(words, { before: killed, environment: { KILL_AT: `${at}` } });
      if (first.status === 0) break;
      points += 1;
      const shown = lab.files("fsx/splited").filter((name) => !name.startsWith("."));
      expect([0, ofLanes(1).length]).toContain(shown.length);
      expect(await lab.job(words, { id: at % 2 === 0 ? "job-1" : "job-2" })).toMatchObject({ status: 0 });
      for (const place of ["fsx/splited", "s3/results"]) {
        expect(lab.files(place)).toEqual(ofLanes(1).map((name) => `${run}.L001/${name}`));
      }
      expect(JSON.parse(lab.read(`s3/results/${run}.L001/split.json`)).complete).toBe(true);
      expect(lab.files("scratch")).toEqual([]);
    }
    expect(points).toBeGreaterThan(12);
  });

  it("while it replaces leaves the old output or the new one, also when only another job comes", {
    timeout: UNHURRIED,
  }, async () => {
    let points = 0;
    for (let at = 1; ; at += 1) {
      using lab = new SequencingLab();
      const old = ["split", run, "--lane", "1", "--name", "mine"];
      const replaced = ["split", run, "--lane", "2", "--name", "mine", "--replace", "yes"];
      await lab.job(old, { id: "job-0" });
      const ended = await lab.job(replaced, { before: killed, environment: { KILL_AT: `${at}` } });
      if (ended.status === 0) break;
      points += 1;
      expect(await lab.job(["split", run, "--lane", "1"], { id: "job-2" })).toMatchObject({ status: 0 });
      const mine = lab.files("fsx/splited/mine");
      expect([ofLanes(1), ofLanes(2)]).toContainEqual(mine);
      expect(lab.files("fsx/splited").filter((name) => name.startsWith("."))).toEqual([]);
    }
    expect(points).toBeGreaterThan(12);
  });
});

describe("jobs on several nodes", () => {
  it("of a lane each, at once on a busy machine, leave an output each, in the bucket too", async () => {
    using lab = new SequencingLab();
    const busy = [1, 2, 3].map(() => execa("sh", ["-c", "while :; do :; done"], { reject: false }));
    try {
      const words = (lane: string) => ["split", run, "--lane", lane, "--destination", "s3://results"];
      const jobs = ["1", "2", "1+2", "1"].map((lane, at) =>
        lab.job(words(lane), { id: `job-${at}`, environment: { SLOW: "0.2" } }),
      );
      expect((await Promise.all(jobs)).map(({ status }) => status)).toEqual([0, 0, 0, 0]);
    } finally {
      for (const each of busy) each.kill("SIGKILL");
    }
    expect(lab.demultiplexed).toBe(3);
    const names = { [`${run}.L001`]: ofLanes(1), [`${run}.L002`]: ofLanes(2), [`${run}.L001.L002`]: ofLanes(1, 2) };
    for (const [name, files] of Object.entries(names)) {
      expect(lab.files(`fsx/splited/${name}`)).toEqual(files);
      expect(lab.files(`s3/results/${name}`)).toEqual(files);
    }
  });
});

describe("a job that waits for another", () => {
  it("does the work itself when the other is killed", async () => {
    using lab = new SequencingLab();
    const words = ["split", run, "--lane", "1"];
    const first = await lab.jobHeld("worm", words);
    const second = lab.job(words, { id: "job-2" });
    await expect.poll(() => lab.demultiplexed).toBe(1);
    expect(lab.read(`fsx/splited/.${run}.L001.lock`)).toBe("job-1\n");
    await first.end("SIGKILL");
    expect(await second).toMatchObject({ status: 0, log: expect.not.stringContaining("complete already") });
    expect(lab.demultiplexed).toBe(2);
    expect(lab.files("fsx/splited")).toEqual(ofLanes(1).map((name) => `${run}.L001/${name}`));
  });
});

describe("two jobs on one node", () => {
  it("leave each other's files alone", async () => {
    using lab = new SequencingLab();
    const other = await lab.jobHeld("worm", ["split", run], { id: "job-2" });
    const disk = lab.files("scratch");
    expect(await lab.job(["split", run, "--name", "mine"])).toMatchObject({ status: 0 });
    expect(lab.files("scratch")).toEqual(disk);
    expect(disk.join("\n")).toMatch(new RegExp(`^\\.${run}\\.job-2\\.\\w+\\.work/${run}/RunInfo\\.xml$`, "m"));
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
    await lab.job(["split", run, "--name", "mine", "--mask", "Y76"]);
    const again = ["split", run, "--name", "mine", "--mask", "Y151", "--replace"];
    expect((await lab.job(again, { before: signalled("Path", "rename", "/mine") })).status).toBe(143);
    expect(lab.read("fsx/splited/mine/split.json")).toContain("Y151");
    expect(lab.files("fsx/splited")).toEqual(output.map((name) => `mine/${name}`));
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

  it("on its node says so before it begins, with both numbers", async () => {
    using lab = new SequencingLab();
    await withDisk(lab, "scratch", async () => {
      const ended = await lab.job(delivered);
      expect(ended).toMatchObject({ status: 6, log: expect.stringMatching(/does not fit: .* free of 16\.4 kB/) });
      expect(lab.files("scratch")).toEqual([]);
    });
    expect(lab.demultiplexed).toBe(0);
  });

  it("on its node in the middle, where the size could not be told, says so, frees it, and has no output", async () => {
    using lab = new SequencingLab();
    await withDisk(lab, "scratch", async () => {
      const ended = await lab.job(delivered, { environment: { DENIED: "ls" } });
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
