import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readdirSync, rmSync, utimesSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { type Ended, python, StandInMachine } from "./stand-in-machine.ts";

const script = fileURLToPath(new URL("../../templates/docker/bcl2fastq/split.py", import.meta.url));
const aws = fileURLToPath(new URL("../real/job/bin/aws", import.meta.url));
const run = "210126_A01199_0055_ABCDEFG";

const programs = {
  aws: `export S3="$MACHINE/s3"\nexec "${python}" -IS "${aws}" "$@"`,
  bcl2fastq: `output= lanes=s_1,s_2
while (($#)); do
  case $1 in
  --output-dir) output=$2 ;;
  --runfolder-dir) (cd "$2" && find . -type f | sort) >"$MACHINE/seen" ;;
  --tiles) lanes=$2 ;;
  --interop-dir) echo metrics >"$2/IndexMetricsOut.bin" ;;
  esac
  shift
done
sleep "\${SLOW-0}"
for lane in \${lanes//,/ }; do echo reads >"$output/sample_L00\${lane:2:1}.fastq.gz"; done`,
  "bcl-convert": `while (($#)); do
  [[ $1 == --output-directory ]] && output=$2
  shift
done
echo reads >"$output/sample.fastq.gz"`,
};

class Job extends StandInMachine {
  constructor() {
    super(programs);
    for (const folder of ["scratch", "fsx/fastq", "fsx/splited", "s3/lab/out"])
      mkdirSync(join(this.root, folder), { recursive: true });
    this.bucket(`${run}.csv`, "[Data]\n");
    for (const file of ["RunInfo.xml", "RTAComplete.txt", "Data/Intensities/s.locs"])
      this.bucket(`${run}/${file}`, "it");
    for (const lane of [1, 2, 3, 4]) {
      this.bucket(`${run}/Data/Intensities/BaseCalls/L00${lane}/C1.1/L00${lane}_1.cbcl`, `lane ${lane}`);
      this.bucket(`${run}/Data/Intensities/L00${lane}/s_${lane}.locs`, "it");
    }
    this.bucket(`${run}/Thumbnail_Images/L001/C1.1/a.jpg`, "picture");
  }

  bucket(path: string, text: string): void {
    this.write(`s3/lab/runs/${path}`, text);
  }

  words(verb: string, ...words: readonly string[]): readonly string[] {
    const places = ["--fastq", join(this.root, "fsx/fastq")];
    if (verb !== "copy")
      places.push("--scratch", join(this.root, "scratch"), "--splited", join(this.root, "fsx/splited"));
    // Without what this machine's Python loads besides.
    return ["-S", script, verb, ...places, ...words];
  }

  do(verb: string, ...words: readonly string[]): Ended {
    return this.as("job-1", verb, "--source", "s3://lab/runs", ...words);
  }

  as(id: string, verb: string, ...words: readonly string[]): Ended {
    return this.start(python, this.words(verb, ...words), { ...QUIET, AWS_BATCH_JOB_ID: id });
  }

  /** A job of its own process, beside others. */
  async beside(id: string, environment: Readonly<Record<string, string>>, ...words: readonly string[]) {
    const path = `${join(this.root, "bin")}:${process.env.PATH}`;
    const env = { PATH: path, MACHINE: this.root, ...QUIET, AWS_BATCH_JOB_ID: id, ...environment };
    const job = spawn(python, this.words("split", run, "--source", "s3://lab/runs", ...words), { env });
    let log = "";
    job.stderr.on("data", (chunk) => {
      log += chunk;
    });
    job.stdout.resume();
    const [status] = await once(job, "close");
    return { status, log };
  }

  all(path: string): readonly string[] {
    return readdirSync(join(this.root, path)).sort();
  }

  output(name: string): readonly string[] {
    return this.all(`fsx/splited/${name}`);
  }

  record(path: string) {
    return JSON.parse(this.read(`${path}/split.json`) ?? "");
  }

  /** The words bcl2fastq was called with after its folders and threads. */
  get choices(): string | undefined {
    return this.calls("bcl2fastq").at(-1)?.split("--min-log-level WARNING")[1]?.trim();
  }
}

const md5 = (text: string) => createHash("md5").update(text).digest("hex");

/** Puts what is in `.mine.partial` in the place of `mine`, which somebody else has meanwhile. */
const ROBBED = `import sys
from pathlib import Path
folder = Path(sys.argv[2])
sys.path.insert(0, sys.argv[1])
from demux import places
rename = Path.rename
def robbed(path, target):
    moved = rename(path, target)
    if target.name == "old":
        path.mkdir()
        (path / "theirs").write_text("theirs")
    return moved
Path.rename = robbed
try:
    places.put_in_place(folder / ".mine.partial" / "1a2b", folder / "mine", True)
except places.Failure as failure:
    places.clear(folder, "mine")
    print(failure, file=sys.stderr)
    sys.exit(failure.code)`;

const QUIET = { PYTHONDONTWRITEBYTECODE: "1" };

describe("split.py split", () => {
  it("fetches the sheet and the run, and keeps the output under the run's name", () => {
    using job = new Job();
    expect(job.do("split", run)).toMatchObject({ status: 0, stderr: expect.stringContaining(`${run} is split at`) });
    expect(job.calls("aws").map((call) => call.split(" ").slice(1, 5).join(" "))).toEqual([
      `s3 cp --only-show-errors s3://lab/runs/${run}.csv`,
      `s3 ls --recursive s3://lab/runs/${run}/`,
      "s3 sync --only-show-errors --exclude",
    ]);
    expect(job.all("fsx/splited")).toEqual([run]);
    expect(job.output(run)).toEqual(["InterOp", "sample_L001.fastq.gz", "sample_L002.fastq.gz", "split.json"]);
    expect(job.all("scratch")).toEqual([]);
  });

  it("hands on what was chosen, and nothing that was not", () => {
    using job = new Job();
    job.do("split", run, "--lane", "2+1", "--mask", "Y151+I8+N8+Y151", "--mismatches", "1+0", "--threads", "32");
    expect(job.choices).toBe("--tiles s_1,s_2 --use-bases-mask Y151,I8,N8,Y151 --barcode-mismatches 1,0");
    expect(job.calls("bcl2fastq")[0]).toContain("--loading-threads 32 --processing-threads 32 --writing-threads 32");
    job.do("split", run, "--lane", "all", "--mask", "auto", "--mismatches", "auto", "--threads", "auto");
    expect(job.choices).toBe("");
    expect(job.calls("bcl2fastq").at(-1)).toMatch(/--processing-threads [1-9]/);
  });

  it("passes options of the program on, and writes them down", () => {
    using job = new Job();
    const extra = "--no-lane-splitting --fastq-compression-level '6'";
    expect(job.do("split", run, "--extra", extra, "--ignore-missing-bcls", "yes", "--name", "x").status).toBe(0);
    expect(job.choices).toBe("--ignore-missing-bcls --no-lane-splitting --fastq-compression-level 6");
    expect(job.record("fsx/splited/x").arguments).toEqual(job.choices?.split(" "));
    expect(job.do("split", run, "--extra", "--output-dir=/elsewhere")).toMatchObject({ status: 2 });
    expect(job.do("split", run, "--extra", "-w 3").stderr).toContain("-w has a parameter of its own, threads");
  });

  it("writes down what was made from what, with every file", () => {
    using job = new Job();
    job.do("split", run, "--lane", "1");
    const made = job.record(`fsx/splited/${run}.L001`);
    expect(made).toMatchObject({ name: `${run}.L001`, run, program: "bcl2fastq", job: "job-1", version: null });
    expect(made.files).toEqual([
      { path: "InterOp/IndexMetricsOut.bin", bytes: 8, md5: md5("metrics\n") },
      { path: "sample_L001.fastq.gz", bytes: 6, md5: md5("reads\n") },
    ]);
    job.do("split", run, "--lane", "1", "--checksums", "none", "--name", "quick");
    expect(job.record("fsx/splited/quick").files[1]).toEqual({ path: "sample_L001.fastq.gz", bytes: 6 });
  });

  it("fetches the lanes that it splits, and what is of no lane", () => {
    using job = new Job();
    const lanes = () => job.read("seen")?.match(/L00\d(?=\/[Cs])/g);
    job.do("split", run, "--lane", "2+4");
    expect(lanes()).toEqual(["L002", "L004", "L002", "L004"]);
    expect(job.read("seen")).toContain("RunInfo.xml");
    expect(job.read("seen")).toContain("s.locs");
    expect(job.read("seen")).not.toContain("Thumbnail");
    job.do("split", run, "--tiles", "s_3_1101,s_3_1102");
    expect(lanes()).toEqual(["L003", "L003"]);
    job.do("split", run, "--tiles", "s_[34]");
    expect(lanes()).toHaveLength(8);
    job.do("split", run, "--lane", "1", "--whole-run", "yes", "--name", "x");
    expect(lanes()).toHaveLength(8);
  });

  it.each([
    ["the sheet cannot be fetched", { aws: "[[ $2 != cp ]] || exit 1" }, 1],
    ["the run cannot be fetched", { aws: "[[ $2 == cp ]] && : >${@: -1} || exit 254" }, 254],
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

  it("does the very same work only once", () => {
    using job = new Job();
    job.do("split", run, "--mask", "Y151");
    expect(job.do("split", run, "--mask", "Y151").status).toBe(0);
    expect(job.calls("bcl2fastq")).toHaveLength(1);
  });

  it("is the same work however much of the run is fetched for it", () => {
    using job = new Job();
    job.do("split", run, "--lane", "1");
    expect(job.do("split", run, "--lane", "1", "--whole-run", "yes").stderr).toContain("is complete already");
    job.do("split", run, "--lane", "2", "--whole-run", "yes", "--keep-scratch", "yes");
    expect(job.do("rerun", run, "--lane", "2").stderr).toContain("is complete already");
    expect(job.calls("bcl2fastq")).toHaveLength(2);
  });

  it("does not overwrite other work, unless it is told to", () => {
    using job = new Job();
    const named = ["split", run, "--name", "mine"] as const;
    job.do(...named, "--mask", "Y151");
    const refused = job.do(...named, "--mask", "Y76");
    expect(refused).toMatchObject({ status: 3, stderr: expect.stringContaining("from other arguments") });
    job.bucket(`${run}.csv`, "[Data]\nanother\n");
    expect(job.do(...named, "--mask", "Y151").stderr).toContain("from other sample sheet");
    expect(job.calls("bcl2fastq")).toHaveLength(1);
    expect(job.do(...named, "--mask", "Y76", "--replace").status).toBe(0);
    expect(job.record("fsx/splited/mine").arguments).toContain("Y76");
    expect(job.all("fsx/splited")).toEqual(["mine"]);
    // A retry of the job that has replaced it finds its own work.
    expect(job.do(...named, "--mask", "Y76", "--replace", "yes").status).toBe(0);
    expect(job.calls("bcl2fastq")).toHaveLength(2);
  });

  it("notices that the run has changed since, and that a file of the output has gone", () => {
    using job = new Job();
    job.do("split", run, "--lane", "1");
    job.bucket(`${run}/Data/Intensities/BaseCalls/L002/C1.1/L002_1.cbcl`, "longer than before");
    job.bucket(`${run}/Logs/new.txt`, "of no matter");
    expect(job.do("split", run, "--lane", "1").status).toBe(0);
    const changed = `${run}/Data/Intensities/BaseCalls/L001/C1.1/L001_1.cbcl`;
    utimesSync(join(job.root, "s3/lab/runs", changed), 1e9, 1e9);
    expect(job.do("split", run, "--lane", "1")).toMatchObject({
      status: 3,
      stderr: expect.stringContaining("from other data of the run"),
    });
    expect(job.do("split", run, "--lane", "1", "--replace", "yes", "--name", "again").status).toBe(0);
    job.write("fsx/splited/again/sample_L001.fastq.gz", "");
    expect(job.do("split", run, "--lane", "1", "--name", "again")).toMatchObject({ status: 3 });
  });

  it("takes the sheet from beside the run, else from the run, else from where it is told", () => {
    using job = new Job();
    job.bucket(`${run}/SampleSheet.csv`, "[Data]\nof the instrument\n");
    job.bucket("fixed.csv", "[Data]\nfixed\n");
    const sheet = (name: string) => job.record(`fsx/splited/${name}`).sheetSha256;
    job.do("split", run, "--name", "a");
    job.do("split", run, "--name", "b", "--sheet", "fixed.csv");
    job.do("split", run, "--name", "c", "--sheet", "s3://lab/runs/fixed.csv");
    rmSync(join(job.root, "s3/lab/runs", `${run}.csv`));
    job.do("split", run, "--name", "d");
    expect(new Set(["a", "b", "d"].map(sheet)).size).toBe(3);
    expect(sheet("b")).toBe(sheet("c"));
  });

  it("never takes another sheet because the right one could not be fetched", () => {
    using job = new Job();
    job.bucket(`${run}/SampleSheet.csv`, "[Data]\nof the instrument\n");
    job.program("aws", `[[ $* != *ABCDEFG.csv* ]] || { echo "Connection reset" >&2; exit 1; }\n${programs.aws}`);
    expect(job.do("split", run)).toMatchObject({ status: 1, stderr: expect.stringContaining("Connection reset") });
    expect(job.calls("bcl2fastq")).toEqual([]);
  });

  it.each([
    ["210126_A01199_0055_ABCDEFG", "RTAComplete.txt", 0],
    ["210126_A01199_0055_ABCDEFG", "CopyComplete.txt", 0],
    ["240626_VH01314_137_2222T3KNX", "RTAComplete.txt", 5],
    ["240626_VH01314_137_2222T3KNX", "CopyComplete.txt", 0],
    ["20240626_LH00123_0001_A22ABC", "RTAComplete.txt", 5],
    ["240626_M02439_0043_000000000-KT42M", "Basecalling_Netcopy_complete.txt", 5],
  ])("takes %s with %s: %i", (name, mark, status) => {
    using job = new Job();
    job.bucket(`${name}.csv`, "[Data]\n");
    job.bucket(`${name}/RunInfo.xml`, "it");
    job.bucket(`${name}/${mark}`, "");
    job.bucket(`${name}/Data/RTAComplete.txt`, "elsewhere");
    expect(job.do("split", name).status).toBe(status);
    expect(job.calls("aws s3 sync")).toHaveLength(status === 0 ? 1 : 0);
    if (status === 0) return;
    expect(job.do("copy", name).status).toBe(status);
    expect(job.do("split", name, "--force", "yes").status).toBe(0);
  });

  it("uploads to the destination, and may be tried again when that failed", () => {
    using job = new Job();
    expect(job.do("split", run, "--destination", "s3://lab/out/").status).toBe(0);
    expect(job.all(`s3/lab/out/${run}`)).toEqual(job.output(run));
    const there = job.record(`s3/lab/out/${run}`);
    expect(there).toEqual({ ...job.record(`fsx/splited/${run}`), complete: true });
    job.program("aws", `[[ $* != *sync*out* ]] || exit 1\n${programs.aws}`);
    expect(job.do("split", run, "--destination", "s3://lab/out").status).toBe(1);
    expect(job.calls("bcl2fastq")).toHaveLength(1);
  });

  it("never mixes a second upload with the first", () => {
    using job = new Job();
    const named = ["--name", "mine", "--destination", "s3://lab/out"] as const;
    job.do("split", run, "--lane", "1", ...named);
    const first = job.record("s3/lab/out/mine");
    expect(
      job.as("job-2", "split", run, "--source", "s3://lab/runs", "--lane", "2", "--replace", ...named).status,
    ).toBe(0);
    const second = job.record("fsx/splited/mine");
    expect(job.all("s3/lab/out")).toEqual(["mine", `mine.${second.id.slice(0, 12)}`]);
    expect(job.all("s3/lab/out/mine")).toEqual(["InterOp", "sample_L001.fastq.gz", "split.json"]);
    expect(job.record("s3/lab/out/mine")).toEqual(first);
    const there = `s3/lab/out/mine.${second.id.slice(0, 12)}`;
    expect(job.all(there)).toEqual(["InterOp", "sample_L002.fastq.gz", "split.json"]);
    expect(job.record(there)).toEqual({ ...second, complete: true });
  });

  it("does not upload among files that are nobody's", () => {
    using job = new Job();
    job.write(`s3/lab/out/${run}/sample_L009.fastq.gz`, "somebody's");
    expect(job.do("split", run, "--destination", "s3://lab/out").status).toBe(0);
    expect(job.all(`s3/lab/out/${run}`)).toEqual(["sample_L009.fastq.gz"]);
    expect(job.all("s3/lab/out")).toHaveLength(2);
  });

  it("ends with 1 where a program's own exit code would be taken for one of ours", () => {
    using job = new Job();
    job.program("bcl2fastq", "exit 4");
    expect(job.do("split", run)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("bcl2fastq ended with 4"),
    });
    job.program("bcl2fastq", "exit 139");
    expect(job.do("split", run).status).toBe(139);
  });

  it("keeps the output that it was to replace, where something else takes the name in that moment", () => {
    using job = new Job();
    job.write("fsx/splited/mine/old.fastq.gz", "old");
    job.write("fsx/splited/.mine.partial/1a2b/new.fastq.gz", "new");
    const folder = join(job.root, "fsx/splited");
    const ended = job.start(python, ["-S", "-c", ROBBED, dirname(script), folder], QUIET);
    expect(ended).toMatchObject({
      status: 3,
      stderr: expect.stringContaining(`was there before is at ${folder}/mine.1a2b`),
    });
    expect(job.all("fsx/splited")).toEqual(["mine", "mine.1a2b"]);
    expect(job.output("mine.1a2b")).toEqual(["old.fastq.gz"]);
    expect(job.output("mine")).toEqual(["theirs"]);
  });

  it("says that an upload is not complete as long as it is not", () => {
    using job = new Job();
    job.program("aws", `${programs.aws.replace("exec", "[[ $* == *sync*s3://lab/out* ]] && exit 7; exec")}`);
    expect(job.do("split", run, "--destination", "s3://lab/out").status).toBe(7);
    expect(job.record(`s3/lab/out/${run}`)).toMatchObject({ complete: false });
    job.program("aws", programs.aws);
    expect(job.do("split", run, "--destination", "s3://lab/out").status).toBe(0);
    expect(job.record(`s3/lab/out/${run}`)).toMatchObject({ complete: true });
    expect(job.all("s3/lab/out")).toEqual([run]);
  });

  it("asks the environment for what its parameters leave open", () => {
    using job = new Job();
    const environment = { ...QUIET, SPLIT_SOURCE: "s3://lab/runs", SPLIT_DESTINATION: "s3://lab/out" };
    const words = (...more: readonly string[]) => job.words("split", run, ...more);
    const open = ["--source", "auto", "--destination", "Ref::destination", "--lane", "Ref::lane"];
    expect(job.start(python, words(...open), environment).status).toBe(0);
    expect(job.all("s3/lab/out")).toEqual([run]);
    const none = words("--name", "other", "--destination", "none");
    expect(job.start(python, none, environment).status).toBe(0);
    expect(job.all("s3/lab/out")).toEqual([run]);
  });

  it("counts the processors that the job asked for, not all of the node's", async () => {
    using job = new Job();
    const agent = createServer((_, answer) => answer.end(JSON.stringify({ Limits: { CPU: 1024, Memory: 512 } })));
    await new Promise<void>((resolve) => agent.listen(0, "127.0.0.1", resolve));
    try {
      const address = `http://127.0.0.1:${(agent.address() as AddressInfo).port}/v4/it`;
      await job.beside("job-1", { ECS_CONTAINER_METADATA_URI_V4: address });
    } finally {
      agent.close();
    }
    expect(job.calls("bcl2fastq")[0]).toContain("--loading-threads 1 --processing-threads 1 --writing-threads 1");
  });

  it("leaves the run folder for rerun when asked, under the name of its lanes", () => {
    using job = new Job();
    job.do("split", run, "--lane", "2", "--keep-scratch");
    expect(job.all("scratch")).toEqual([`${run}.L002`]);
    expect(job.do("rerun", run, "--lane", "1").status).toBe(1);
    expect(job.do("rerun", run, "--lane", "2", "--mask", "Y76").status).toBe(0);
    expect(job.calls("aws s3 sync")).toHaveLength(1);
    expect(job.all("fsx/splited")).toEqual([`${run}.L002`, `${run}.L002.Y76`]);
  });

  it("stops what it runs on SIGTERM, cleans up and ends as a terminated job", async () => {
    using job = new Job();
    job.program("bcl2fastq", 'trap "echo ended >$MACHINE/ended; exit 1" TERM; echo at work; sleep 20 & wait');
    const env = { PATH: `${join(job.root, "bin")}:${process.env.PATH}`, MACHINE: job.root, ...QUIET };
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

describe("jobs of one run", () => {
  const lanes = ["1", "2", "3", "4"];
  const names = lanes.map((lane) => `${run}.L00${lane}`);

  it("for four lanes at once leave four outputs", async () => {
    using job = new Job();
    const ended = await Promise.all(lanes.map((lane) => job.beside(`job-${lane}`, { SLOW: "0.5" }, "--lane", lane)));
    expect(ended.map(({ status }) => status)).toEqual([0, 0, 0, 0]);
    expect(job.all("fsx/splited")).toEqual(names);
    for (const [at, name] of names.entries()) expect(job.output(name)).toContain(`sample_L00${at + 1}.fastq.gz`);
  });

  it("for four lanes one after the other leave four outputs", () => {
    using job = new Job();
    for (const lane of lanes) expect(job.do("split", run, "--lane", lane).status).toBe(0);
    expect(job.all("fsx/splited")).toEqual(names);
  });

  it("with two masks at once leave two outputs", async () => {
    using job = new Job();
    const masks = ["Y151,I8,N8,Y151", "Y*,I8,I8,Y*"];
    const ended = await Promise.all(masks.map((mask) => job.beside(`job ${mask}`, { SLOW: "0.5" }, "--mask", mask)));
    expect(ended.map(({ status }) => status)).toEqual([0, 0]);
    expect(job.all("fsx/splited")).toEqual([`${run}.Y151-I8-N8-Y151`, `${run}.Yx-I8-I8-Yx`]);
  });

  it("that are the same work at once do it once", async () => {
    using job = new Job();
    const ended = await Promise.all(lanes.map((id) => job.beside(`job-${id}`, { SLOW: "0.5" }, "--lane", "1")));
    expect(ended.map(({ status }) => status)).toEqual([0, 0, 0, 0]);
    expect(job.calls("bcl2fastq")).toHaveLength(1);
    expect(job.all("fsx/splited")).toEqual([`${run}.L001`]);
  });

  it("that are other work under one name at once: one is made, the other refused", async () => {
    using job = new Job();
    const ended = await Promise.all(
      ["Y76", "Y151"].map((mask) => job.beside(mask, { SLOW: "0.5" }, "--name", "mine", "--mask", mask)),
    );
    expect(ended.map(({ status }) => status).sort()).toEqual([0, 3]);
    expect(job.calls("bcl2fastq")).toHaveLength(1);
  });

  it("wait for each other no longer than they are told", async () => {
    using job = new Job();
    job.program(
      "bcl2fastq",
      `[[ $* == *Y76* ]] && { echo >"$MACHINE/begun"; until [[ -e $MACHINE/go ]]; do sleep 0.05; done; }\n${programs.bcl2fastq}`,
    );
    const first = job.beside("job-1", {}, "--name", "mine", "--mask", "Y76");
    while (!job.has("begun")) await new Promise((resolve) => setTimeout(resolve, 20));
    const second = await job.beside("job-2", {}, "--name", "mine", "--wait", "0");
    expect(second).toMatchObject({
      status: 4,
      log: expect.stringMatching(/job job-1 is at work on .*mine; try again/),
    });
    job.write("go", "");
    expect(await first).toMatchObject({ status: 0 });
  });

  it("never have the same name for something else", () => {
    using job = new Job();
    const choices = [
      [],
      ["--lane", "1"],
      ["--lane", "1,2"],
      ["--tiles", "s_1"],
      ["--tiles", "s_1_2,s_3"],
      ["--tiles", "s_1-2"],
      ["--tiles", "s_1_2-s_3"],
      ["--mask", "Y1,I2"],
      ["--mask", "Y*,I2"],
      ["--mismatches", "0"],
      ["--mismatches", "0,1"],
      ["--ignore-missing-bcls"],
      ["--extra", "--no-lane-splitting"],
      ["--extra", "--with-failed-reads"],
      ["--mask", "Y1,".repeat(80)],
      ["--mask", "Y1,".repeat(81)],
    ];
    const code = `import json, sys
from demux import words
for choice in json.loads(sys.argv[1]):
    given = words.joined(["split", "--source", "s3://lab/runs", "${run}", *choice])
    print(words.completed(words.parser("").parse_args(given)).name)`;
    const ended = job.start(python, ["-S", "-c", code, JSON.stringify(choices)], {
      ...QUIET,
      PYTHONPATH: dirname(script),
    });
    const names = ended.stdout.trim().split("\n");
    expect(new Set(names).size).toBe(choices.length);
    expect(names.slice(0, 4)).toEqual([run, `${run}.L001`, `${run}.L001.L002`, `${run}.s_1`]);
    for (const name of names) expect(name).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/);
  });
});

describe("what a killed job left", () => {
  it("goes when the next job comes, whatever that makes", () => {
    using job = new Job();
    job.write("fsx/splited/.other.lock", "job-0\n");
    job.write("fsx/splited/.other.partial/0123/half.fastq.gz", "");
    job.write(`scratch/.${run}.job-0.abc.work/half`, "");
    const { stderr } = job.do("split", run);
    expect(stderr).toContain("clearing what job job-0 left of");
    expect(job.all("fsx/splited")).toEqual([run]);
    expect(job.all("scratch")).toEqual([]);
  });

  it("goes also where an earlier version left it, when nothing has touched it for a day", () => {
    using job = new Job();
    const at = (name: string) => join(job.root, "fsx/splited", name);
    for (const name of [".old.job-0.partial", ".new.job-0.partial"]) {
      job.write(`fsx/splited/${name}/half.fastq.gz`, "");
      utimesSync(at(name), 1e9, 1e9);
    }
    utimesSync(at(".old.job-0.partial/half.fastq.gz"), 1e9, 1e9);
    job.do("split", run);
    expect(job.all("fsx/splited")).toEqual([".new.job-0.partial", run]);
  });

  it("is put back where it was about to be replaced, and nothing else had its name yet", () => {
    using job = new Job();
    job.do("split", run);
    const before = job.record(`fsx/splited/${run}`);
    job.write("fsx/splited/.mine.lock", "");
    job.write("fsx/splited/.mine.partial/old/sample.fastq.gz", "whole");
    job.write(`fsx/splited/.${run}.lock`, "");
    job.write(`fsx/splited/.${run}.partial/old/sample.fastq.gz`, "replaced");
    job.do("split", run, "--name", "another");
    expect(job.all("fsx/splited")).toEqual([run, "another", "mine"]);
    expect(job.read("fsx/splited/mine/sample.fastq.gz")).toBe("whole");
    expect(job.record(`fsx/splited/${run}`)).toEqual(before);
  });
});

describe("split.py with BCL Convert", () => {
  const split = (job: Job, ...words: readonly string[]) => job.do("split", run, "--program", "bcl-convert", ...words);

  it("speaks its language, into a folder that is there already", () => {
    using job = new Job();
    expect(split(job, "--lane", "2", "--threads", "8", "--extra", "--strict-mode true").status).toBe(0);
    expect(job.calls("bcl2fastq")).toEqual([]);
    const [call = ""] = job.calls("bcl-convert");
    expect(call).toMatch(/^bcl-convert --bcl-input-directory \S+ --sample-sheet \S+ --output-directory \S+ --force /);
    expect(call).toMatch(
      / --bcl-num-conversion-threads 8 --bcl-num-compression-threads 8 --bcl-num-decompression-threads 8 --bcl-only-lane 2 --strict-mode true$/,
    );
    expect(job.output(`${run}.L002.${job.all("fsx/splited")[0]?.split(".").at(-1)}`)).toEqual([
      "sample.fastq.gz",
      "split.json",
    ]);
  });

  it("gives each project its folder, as bcl2fastq does, where the sheet names projects", () => {
    using job = new Job();
    job.bucket(`${run}.csv`, "[Data]\nLane,Sample_ID,index,Sample_Project\n1,a,ACGT,plants\n");
    split(job);
    expect(job.calls("bcl-convert").at(-1)).toMatch(/ --bcl-sampleproject-subdirectories true$/);
    split(job, "--extra", "--bcl-sampleproject-subdirectories false");
    expect(job.calls("bcl-convert").at(-1)).toMatch(/ --force --bcl-sampleproject-subdirectories false$/);
  });

  it("is what the image says, and leaves lanes and threads to it", () => {
    using job = new Job();
    const words = job.words("split", "--source", "s3://lab/runs", run, "--lane", "all", "--threads", "auto");
    expect(job.start(python, words, { ...QUIET, SPLIT_PROGRAM: "bcl-convert" }).status).toBe(0);
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
    expect(job.read("seen")).toContain("RunInfo.xml");
    expect(job.all(`fsx/fastq/${run}`)).toEqual(["Data", "RTAComplete.txt", "RunInfo.xml", "Thumbnail_Images"]);
  });

  it("knows the work for the same that split has done", () => {
    using job = new Job();
    job.do("split", run);
    job.do("copy", run);
    expect(job.do("rerun", run)).toMatchObject({ status: 0, stderr: expect.stringContaining("is complete already") });
  });

  it("fails when the run is nowhere", () => {
    using job = new Job();
    expect(job.do("rerun", run)).toMatchObject({ status: 1, stderr: expect.stringContaining("is neither at") });
  });
});

describe("split.py copy", () => {
  it("copies every run", () => {
    using job = new Job();
    for (const name of ["run-1", "run-2"]) job.bucket(`${name}/RTAComplete.txt`, "");
    expect(job.do("copy", "run-1", "run-2").status).toBe(0);
    expect(job.all("fsx/fastq")).toEqual(["run-1", "run-2"]);
  });

  it("gives a copy that was cut short no name that looks complete, and takes it up again", () => {
    using job = new Job();
    job.bucket("run-1/RTAComplete.txt", "");
    job.program("aws", 'mkdir -p "${@: -1}"; exit 2');
    expect(job.do("copy", "run-1").status).toBe(1);
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
    ["a flag that is neither yes nor no", ["split", run, "--replace", "maybe"]],
    ["an option without its other quote", ["split", run, "--extra", "--it 'is"]],
    ["tiles and lanes at once", ["split", run, "--tiles", "s_1", "--lane", "2"]],
    ["an unknown verb", ["splice", run]],
  ])("%s", (_, [verb = "", ...words]) => {
    using job = new Job();
    expect(job.do(verb, ...words).status).toBe(2);
    expect(job.calls()).toEqual([]);
  });

  it("to guess where runs lie", () => {
    using job = new Job();
    const ended = job.start(python, job.words("split", run), QUIET);
    expect(ended).toMatchObject({
      status: 2,
      stderr: "split: failed: neither --source nor SPLIT_SOURCE says where runs lie\n",
    });
  });

  it("a run that is larger than the disk, before it fetches any of it", () => {
    using job = new Job();
    job.program(
      "aws",
      `if [[ $2 == ls ]]; then
  for lane in 1 2; do echo "2026-01-01 00:00:00 1800000000000000 runs/${run}/Data/Intensities/BaseCalls/L00$lane/a.cbcl"; done
  echo "2026-01-01 00:00:00 0 runs/${run}/RTAComplete.txt"; exit
fi
${programs.aws}`,
    );
    const ended = job.do("split", run, "--lane", "1");
    expect(ended.status).toBe(6);
    expect(ended.stderr).toMatch(
      /does not fit: 1800\.0 TB in 2 files, and \S+ has [\d.]+ [MGT]B free of [\d.]+ [MGT]B/,
    );
    expect(job.do("copy", run).status).toBe(6);
    expect(job.calls("aws s3 sync")).toEqual([]);
  });
});
