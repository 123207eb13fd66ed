import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { onTestFinished } from "vitest";
import type { Fault } from "../../sandbox/faults.ts";
import { World } from "../../sandbox/world.ts";
import type { Moment } from "./desk.ts";

export const BOOTSTRAP = fileURLToPath(new URL("../../bin/bootstrap.js", import.meta.url));
const HASTY = new URL("hasty.mjs", import.meta.url).href;

/** The sandbox's seconds in one of ours. */
export const SPEED = 150;

/** Where the CLI keeps its own sandbox, below the folder it is typed in. */
const SANDBOX = ".bootstrap/sandbox";

const MOST_TRIES = 3;
const WAITED_LONG_ENOUGH = /hint: run the same command again( to go on waiting|: it looks for it)/;

export interface LaptopOptions {
  /** The CLI's own sandbox and the folder's manifest are as they were then. */
  readonly begin?: Moment;
  /** A sandbox that is not the CLI's own; without it, `--sandbox`. */
  readonly endpoint?: string;
  readonly region?: string;
}

/** A folder in which somebody types `bootstrap`: the built CLI, as a process. */
export class Laptop {
  readonly folder = mkdtempSync(join(tmpdir(), "bootstrap-laptop-"));
  readonly region: string;
  readonly #endpoint: string | undefined;
  readonly #runs: { readonly ended: Promise<unknown>; kill(signal: "SIGKILL"): boolean }[] = [];

  constructor({ endpoint, region = "us-east-1", begin }: LaptopOptions = {}) {
    this.region = region;
    this.#endpoint = endpoint;
    if (begin) placeWorld(join(this.folder, SANDBOX), begin);
    if (begin?.manifest !== undefined) this.place("json", begin.manifest);
    onTestFinished(async () => {
      for (const run of this.#runs) run.kill("SIGKILL");
      await Promise.all(this.#runs.map(({ ended }) => ended));
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  /** What comes after `node` for a verb in this folder. */
  words(verb: string, ...flags: readonly string[]): string[] {
    const place = this.#endpoint
      ? ["--endpoint-url", this.#endpoint, "--region", this.region]
      : ["--sandbox", "--speed", String(SPEED), "--region", this.region];
    return [...(this.#endpoint ? ["--import", HASTY] : []), BOOTSTRAP, verb, ...place, ...flags];
  }

  /** Both streams in `all`; never rejects. */
  start(verb: string, flags: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
    const { surroundings } = this;
    const options = { ...surroundings, env: { ...surroundings.env, ...env }, stdin: "ignore" } as const;
    const run = execa(process.execPath, this.words(verb, ...flags), options);
    this.#runs.push({ ended: run, kill: (signal) => run.kill(signal) });
    return run;
  }

  /**
   * Runs it to its end. Ten minutes of the sandbox are four seconds of ours: on a busy machine the CLI may say that it
   * has waited long enough, and that the same command goes on. Then that is done, and said.
   */
  async run(verb: string, flags: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
    for (let tries = 1; ; tries++) {
      const ended = await this.start(verb, flags, env);
      if (ended.exitCode !== 1 || tries === MOST_TRIES || !WAITED_LONG_ENOUGH.test(ended.all)) return ended;
      console.log(`${verb} waited long enough, and is typed again: ${ended.all.split("\n").at(-2)}`);
    }
  }

  get surroundings() {
    // Against a cloud of somebody else's the CLI builds with what this machine has: here nothing, so on an instance.
    const PATH = this.#endpoint ? this.folder : process.env.PATH;
    const credentials = { AWS_ACCESS_KEY_ID: "sandbox", AWS_SECRET_ACCESS_KEY: "sandbox" };
    return {
      cwd: this.folder,
      env: { PATH, HOME: this.folder, HASTE: String(SPEED), ...credentials },
      extendEnv: false,
      reject: false,
      all: true,
    } as const;
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text);
  }

  /** Puts one of the environment's own files where a run finds it. */
  place(what: string, text: string): void {
    mkdirSync(join(this.folder, ".bootstrap"), { recursive: true });
    this.write(this.own(what), text);
  }

  /** What is to go wrong in the CLI's own sandbox. */
  script(faults: readonly Fault[]): void {
    mkdirSync(join(this.folder, SANDBOX), { recursive: true });
    this.write(join(SANDBOX, "faults.json"), JSON.stringify(faults));
  }

  /** What the CLI's own sandbox was asked, line by line. */
  calls(): string | undefined {
    return this.read(join(SANDBOX, "calls.jsonl"));
  }

  /** The world of the CLI's own sandbox, and the manifest. */
  left(): { readonly world: string; readonly manifest: string | undefined } {
    return { world: this.read(join(SANDBOX, "world.json"))!, manifest: this.read(this.own("json")) };
  }

  /** Undefined where there is none. */
  read(name: string): string | undefined {
    const path = join(this.folder, name);
    return existsSync(path) ? readFileSync(path, "utf8") : undefined;
  }

  /** The path of one of the environment's own files, below the folder: `json`, `json.backup`, `lock`. */
  own(what: string, name = "demux"): string {
    return `.bootstrap/${name}.${this.region}${this.#endpoint ? "" : ".sandbox"}.${what}`;
  }
}

/** Puts a world where a sandbox finds it; its time runs on from now. */
export function placeWorld(folder: string, { world: text, now }: Moment): void {
  const world = World.parse(text);
  world.clock = { virtualMs: now, wallMs: Date.now(), speed: SPEED };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "world.json"), world.toText());
}

/** Listens from now on; the answer resolves when the run has said that, and rejects when it ends before. */
export function listen(
  run: Promise<{ readonly exitCode?: number | undefined; readonly signal?: string | undefined }> & {
    readonly all: Readable;
  },
): (what: RegExp) => Promise<void> {
  let said = "";
  let waiting: { readonly what: RegExp; readonly resolve: () => void } | undefined;
  const look = () => {
    if (waiting?.what.test(said)) waiting.resolve();
  };
  run.all.on("data", (text: Buffer) => {
    said += text;
    look();
  });
  return (what) =>
    new Promise((resolve, reject) => {
      waiting = { what, resolve };
      look();
      void run.then(({ exitCode, signal }) =>
        reject(new Error(`ended with ${exitCode ?? signal} and never said ${what}:\n${said}`)),
      );
    });
}
