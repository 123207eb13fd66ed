import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { python } from "../../templates/stand-in-machine.ts";

const script = fileURLToPath(new URL("../../../templates/docker/bcl2fastq/split.py", import.meta.url));
const programs = fileURLToPath(new URL("bin", import.meta.url));

export const run = "210126_A01199_0055_ABCDEFG";

export interface JobEnded {
  readonly status: number | undefined;
  readonly log: string;
}

/** What a test changes about a job: its id, and how the stand-ins behave. */
export interface Circumstances {
  readonly id?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Runs in the interpreter before the script. */
  readonly before?: string;
}

/** Buckets, a Lustre file system and a node's scratch disk as folders, with one run of two samples in a bucket. */
export class SequencingLab implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), "sequencing-lab-"));

  constructor() {
    for (const folder of ["scratch", "fsx/fastq", "fsx/splited", "bin"])
      mkdirSync(join(this.root, folder), { recursive: true });
    symlinkSync(python, join(this.root, "bin/python3"));
    this.write(`s3/runs/${run}.csv`, "[Header]\n[Data]\nplant\nworm\n");
    this.write(`s3/runs/${run}/RunInfo.xml`, "<RunInfo/>\n");
    this.write(`s3/runs/${run}/RTAComplete.txt`, "");
    for (const lane of [1, 2]) {
      this.write(`s3/runs/${run}/Data/Intensities/BaseCalls/L00${lane}/L00${lane}.cbcl`, `lane ${lane}\n`.repeat(1000));
    }
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), text);
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), "utf8");
  }

  /** Every file below, hidden ones included; an empty folder ends in a slash. */
  files(path: string, below = ""): readonly string[] {
    const folder = join(this.root, path, below);
    if (!existsSync(folder)) return [];
    const entries = readdirSync(folder, { withFileTypes: true });
    if (entries.length === 0 && below !== "") return [`${below}/`];
    return entries
      .flatMap((entry) => {
        const name = join(below, entry.name);
        return entry.isDirectory() ? this.files(path, name) : [name];
      })
      .sort();
  }

  /** How often the stand-in for bcl2fastq was started. */
  get demultiplexed(): number {
    return existsSync(join(this.root, "demultiplexed")) ? this.read("demultiplexed").split("\n").length - 1 : 0;
  }

  job(words: readonly string[], circumstances: Circumstances = {}): Promise<JobEnded> {
    return this.#start(words, circumstances).ended;
  }

  /** A job in which a stand-in has stopped for good in the middle of `held`; `end` sends a signal as the ECS agent does. */
  async jobHeld(held: string, words: readonly string[], circumstances: Circumstances = {}) {
    const environment = { ...circumstances.environment, HELD: held };
    const { container, ended } = this.#start(words, { ...circumstances, environment });
    await once(container.stdout, "data");
    const { stdout: first } = await execa("pgrep", ["--parent", String(container.pid)]);
    const end = (signal: "SIGTERM" | "SIGKILL"): Promise<JobEnded> => {
      process.kill(Number(first), signal);
      return ended;
    };
    return { end };
  }

  /** The script is the first process of a PID namespace, as in a container. */
  #start([verb = "", ...words]: readonly string[], { id = "job-1", environment, before }: Circumstances) {
    const places = ["--source", "s3://runs", "--fastq", join(this.root, "fsx/fastq")];
    const disks = ["--scratch", join(this.root, "scratch"), "--splited", join(this.root, "fsx/splited")];
    const program = before === undefined ? [script] : ["-c", `${before}\nsys.exit(split.main())`];
    const container = execa(
      "unshare",
      [
        ...["--pid", "--fork", "--kill-child", "--mount-proc", python, "-S", ...program],
        ...[verb, ...places, ...(verb === "copy" ? [] : disks), ...words],
      ],
      {
        env: {
          PATH: `${programs}:${join(this.root, "bin")}:${process.env.PATH}`,
          S3: join(this.root, "s3"),
          AWS_BATCH_JOB_ID: id,
          PYTHONPATH: dirname(script),
          PYTHONDONTWRITEBYTECODE: "1",
          ...environment,
        },
        reject: false,
        all: true,
      },
    );
    const ended = container.then(({ exitCode, all }) => ({ status: exitCode, log: all }));
    return { container, ended };
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true });
  }
}
