import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { type Ended, python, StandInMachine } from "./stand-in-machine.ts";

const script = fileURLToPath(new URL("../../templates/docker/bcl2fastq/split.py", import.meta.url));
const run = "210126_A01199_0055_ABCDEFG";

const programs = {
  aws: `source=\${@: -2:1} target=\${@: -1}
case $* in
*sync*s3://*" s3://"*) exit 9 ;;
*sync*"s3://lab/runs/"*) mkdir -p "$target"; echo bases >"$target/RunInfo.xml" ;;
*cp*.csv*) cat "$MACHINE/sheet" 2>/dev/null >"$target" || echo '[Data]' >"$target" ;;
esac`,
  bcl2fastq: `output=
while (($#)); do
  [[ $1 == --output-dir ]] && output=$2
  [[ $1 == --runfolder-dir ]] && cp "$2/RunInfo.xml" "$MACHINE/seen"
  shift
done
echo reads >"$output/sample.fastq.gz"`,
  "bcl-convert": `while (($#)); do
  [[ $1 == --output-directory ]] && output=$2
  shift
done
echo reads >"$output/sample.fastq.gz"`,
};

class Job extends StandInMachine {
  constructor() {
    super(programs);
    for (const folder of ["scratch", "fsx/fastq", "fsx/splited"])
      mkdirSync(join(this.root, folder), { recursive: true });
  }

  words(verb: string, ...words: readonly string[]): readonly string[] {
    const places = ["--fastq", join(this.root, "fsx/fastq")];
    if (verb !== "copy")
      places.push("--scratch", join(this.root, "scratch"), "--splited", join(this.root, "fsx/splited"));
    return [script, verb, ...places, ...words];
  }

  do(verb: string, ...words: readonly string[]): Ended {
    return this.start(python, this.words(verb, "--source", "s3://lab/runs", ...words), { AWS_BATCH_JOB_ID: "job-1" });
  }

  all(path: string): readonly string[] {
    return readdirSync(join(this.root, path)).sort();
  }

  /** The words bcl2fastq was called with after its folders and threads. */
  get choices(): string | undefined {
    return this.calls("bcl2fastq").at(-1)?.split("--min-log-level WARNING")[1]?.trim();
  }
}

describe("split.py split", () => {
  it("fetches the sheet and the run, and keeps the output under the run's name", () => {
    using job = new Job();
    expect(job.do("split", run)).toMatchObject({ status: 0, stderr: expect.stringContaining(`${run} is split at`) });
    expect(job.calls("aws").map((call) => call.split(" ").slice(1, 5).join(" "))).toEqual([
      `s3 cp --only-show-errors s3://lab/runs/${run}.csv`,
      `s3 sync --only-show-errors s3://lab/runs/${run}`,
    ]);
    expect(job.all("fsx/splited")).toEqual([run]);
    expect(job.all(`fsx/splited/${run}`)).toEqual(["sample.fastq.gz", "split.json"]);
    expect(job.read("seen")).toBe("bases\n");
    expect(job.all("scratch")).toEqual([]);
  });

  it("hands on what was chosen, and nothing that was not", () => {
    using job = new Job();
    job.do("split", run, "--lane", "1,2", "--mask", "Y151,I8,N8,Y151", "--mismatches", "0", "--threads", "32");
    expect(job.choices).toBe("--tiles s_1,s_2 --use-bases-mask Y151,I8,N8,Y151 --barcode-mismatches 0");
    expect(job.calls("bcl2fastq")[0]).toContain("--loading-threads 32 --processing-threads 32 --writing-threads 32");
    job.do("split", run, "--replace", "--lane", "all", "--mask", "auto", "--mismatches", "auto", "--threads", "auto");
    expect(job.choices).toBe("");
    expect(job.calls("bcl2fastq").at(-1)).toMatch(/--processing-threads [1-9]/);
  });

  it.each([
    ["the sheet cannot be fetched", { aws: "[[ $2 != cp ]] || exit 1" }, 1],
    ["the run cannot be fetched", { aws: "[[ $2 == cp ]] && : >${@: -1} || exit 2" }, 2],
    ["there is nothing to fetch", { aws: "[[ $2 != cp ]] || : >${@: -1}" }, 1],
    ["bcl2fastq fails", { bcl2fastq: "exit 42" }, 42],
    ["bcl2fastq is killed", { bcl2fastq: "kill -KILL $$" }, 137],
  ])("ends as the part that failed, with nothing left, when %s", (_, replaced, code) => {
    using job = new Job();
    for (const [name, body] of Object.entries(replaced)) job.program(name, body);
    expect(job.do("split", run).status).toBe(code);
    expect(job.all("fsx/splited")).toEqual([]);
    expect(job.all("scratch")).toEqual([]);
  });

  it("clears what a killed attempt of the same job left", () => {
    using job = new Job();
    job.write(`fsx/splited/.${run}.job-1.partial/half.fastq.gz`, "");
    job.write(`scratch/.${run}.job-1.work/half`, "");
    expect(job.do("split", run).status).toBe(0);
    expect(job.all("fsx/splited")).toEqual([run]);
    expect(job.all(`fsx/splited/${run}`)).not.toContain("half.fastq.gz");
    expect(job.all("scratch")).toEqual([]);
  });

  it("does the very same work only once, and does not overwrite other work", () => {
    using job = new Job();
    job.do("split", run, "--mask", "Y151");
    expect(job.do("split", run, "--mask", "Y151").status).toBe(0);
    expect(job.calls("bcl2fastq")).toHaveLength(1);
    expect(job.do("split", run, "--mask", "Y76").status).toBe(3);
    job.write("sheet", "[Data]\nanother\n");
    expect(job.do("split", run, "--mask", "Y151").status).toBe(3);
    expect(job.calls("bcl2fastq")).toHaveLength(1);
    expect(job.do("split", run, "--mask", "Y76", "--replace").status).toBe(0);
    expect(job.all("fsx/splited")).toEqual([run]);
  });

  it("uploads to the destination, and may be tried again when that failed", () => {
    using job = new Job();
    expect(job.do("split", run, "--destination", "s3://lab/out/").status).toBe(0);
    const output = `${job.root}/fsx/splited/${run}`;
    expect(job.calls("aws").slice(-2)).toEqual([
      `aws s3 sync --only-show-errors --exclude split.json ${output} s3://lab/out/${run}`,
      `aws s3 cp --only-show-errors ${output}/split.json s3://lab/out/${run}/split.json`,
    ]);
    job.program("aws", "[[ $* != *out* ]] || exit 1; [[ $2 != cp ]] || echo '[Data]' >${@: -1}");
    expect(job.do("split", run, "--destination", "s3://lab/out").status).toBe(1);
    expect(job.calls("bcl2fastq")).toHaveLength(1);
  });

  it("leaves the run folder for rerun when asked", () => {
    using job = new Job();
    job.do("split", run, "--keep-scratch");
    expect(job.all("scratch")).toEqual([run]);
    expect(job.do("rerun", run, "--mask", "Y76", "--name", "again").status).toBe(0);
    expect(job.calls("aws s3 sync")).toHaveLength(1);
    expect(job.all("fsx/splited")).toEqual(["again", run].sort());
  });

  it("stops what it runs on SIGTERM, cleans up and ends as a terminated job", async () => {
    using job = new Job();
    job.program("bcl2fastq", 'trap "echo ended >$MACHINE/ended; exit 1" TERM; echo at work; sleep 20 & wait');
    const env = { PATH: `${join(job.root, "bin")}:${process.env.PATH}`, MACHINE: job.root };
    const words = job.words("split", "--source", "s3://lab/runs", run);
    const child = spawn(python, words, { env, stdio: ["ignore", "pipe", "ignore"] });
    const ended = once(child, "exit");
    // What ran before it has its own words on the same stream.
    for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
      if (String(chunk).includes("at work")) break;
    }
    child.kill("SIGTERM");
    child.stdout.resume();
    const [code] = await ended;
    expect(code).toBe(143);
    expect(job.read("ended")).toBe("ended\n");
    expect(job.all("fsx/splited")).toEqual([]);
    expect(job.all("scratch")).toEqual([]);
  });
});

describe("split.py with BCL Convert", () => {
  const split = (job: Job, ...words: readonly string[]) => job.do("split", run, "--program", "bcl-convert", ...words);

  it("speaks its language, into a folder that is there already", () => {
    using job = new Job();
    expect(split(job, "--lane", "2", "--threads", "8").status).toBe(0);
    expect(job.calls("bcl2fastq")).toEqual([]);
    const [call = ""] = job.calls("bcl-convert");
    expect(call).toMatch(/^bcl-convert --bcl-input-directory \S+ --sample-sheet \S+ --output-directory \S+ --force /);
    expect(call).toMatch(
      / --bcl-num-conversion-threads 8 --bcl-num-compression-threads 8 --bcl-num-decompression-threads 8 --bcl-only-lane 2$/,
    );
    expect(job.all(`fsx/splited/${run}`)).toEqual(["sample.fastq.gz", "split.json"]);
  });

  it("is what the image says, and leaves lanes and threads to it", () => {
    using job = new Job();
    const words = job.words("split", "--source", "s3://lab/runs", run, "--lane", "all", "--threads", "auto");
    expect(job.start(python, words, { SPLIT_PROGRAM: "bcl-convert" }).status).toBe(0);
    expect(job.calls("bcl-convert")[0]).toMatch(/ --force$/);
  });

  it("is other work than the same with bcl2fastq", () => {
    using job = new Job();
    job.do("split", run);
    expect(split(job)).toMatchObject({ status: 3, stderr: expect.stringContaining("holds other output") });
  });

  it.each([
    ["masks", ["--mask", "Y151,I8,N8,Y151"], "from the sample sheet's settings"],
    ["mismatches", ["--mismatches", "0"], "from the sample sheet's settings"],
    ["two lanes", ["--lane", "1,2"], "one lane or all of them"],
    ["tiles", ["--tiles", "s_1"], "one lane or all of them"],
  ])("refuses %s before anything is fetched", (_, words, reason) => {
    using job = new Job();
    expect(split(job, ...words)).toMatchObject({ status: 2, stderr: expect.stringContaining(reason) });
    expect(job.calls()).toEqual([]);
  });
});

describe("split.py rerun", () => {
  it("takes the run from the file system, and fetches only the sheet", () => {
    using job = new Job();
    job.do("copy", run);
    expect(job.do("rerun", run).status).toBe(0);
    expect(job.calls("aws s3 sync")).toHaveLength(1);
    expect(job.all(`fsx/fastq/${run}`)).toEqual(["RunInfo.xml"]);
    expect(job.read("seen")).toBe("bases\n");
  });

  it("fails when the run is nowhere", () => {
    using job = new Job();
    expect(job.do("rerun", run)).toMatchObject({ status: 1, stderr: expect.stringContaining("is neither at") });
  });
});

describe("split.py copy", () => {
  it("copies every run", () => {
    using job = new Job();
    expect(job.do("copy", "run-1", "run-2").status).toBe(0);
    expect(job.all("fsx/fastq")).toEqual(["run-1", "run-2"]);
  });

  it("gives a copy that was cut short no name that looks complete, and takes it up again", () => {
    using job = new Job();
    job.program("aws", 'mkdir -p "${@: -1}"; exit 2');
    expect(job.do("copy", "run-1").status).toBe(2);
    expect(job.all("fsx/fastq")).toEqual([".run-1.partial"]);
    job.program("aws", programs.aws);
    expect(job.do("copy", "run-1").status).toBe(0);
    expect(job.all("fsx/fastq")).toEqual(["run-1"]);
  });
});

describe("split.py refuses", () => {
  it.each([
    ["a run that is a path", ["split", "../etc"]],
    ["lanes that no flow cell has", ["split", run, "--lane", "9"]],
    ["mismatches out of range", ["split", run, "--mismatches", "5"]],
    ["a destination outside of S3", ["split", run, "--destination", "/tmp"]],
    ["an unknown verb", ["splice", run]],
  ])("%s", (_, [verb = "", ...words]) => {
    using job = new Job();
    expect(job.do(verb, ...words).status).toBe(2);
    expect(job.calls()).toEqual([]);
  });

  it("to guess where runs lie", () => {
    using job = new Job();
    const ended = job.start(python, job.words("split", run));
    expect(ended).toMatchObject({ status: 2, stderr: "split: failed: --source is missing\n" });
  });
});
