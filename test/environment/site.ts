import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Action, Host, Io } from "../../src/actions/action.ts";
import { bakeAmi } from "../../src/actions/bake-ami.ts";
import type { Options } from "../../src/actions/options.ts";
import type { Result } from "../../src/actions/result.ts";
import { withSession } from "../../src/actions/session.ts";
import { teardown } from "../../src/actions/teardown.ts";
import { up } from "../../src/actions/up.ts";
import type { Cloud } from "../../src/aws/clients.ts";
import { errorCode, resultCode } from "../../src/cli/exit.ts";
import { printed } from "../../src/cli/print.ts";
import type { BootstrapError } from "../../src/engine/errors.ts";
import type { Event } from "../../src/engine/events.ts";
import type { Plan } from "../../src/engine/plan.ts";
import type { Summary } from "../../src/engine/rollout.ts";
import { memoryStore } from "../engine/toy-cloud.ts";
import { type Lab, lab } from "../steps/harness.ts";

export interface Ran {
  readonly plan: Plan<Cloud>;
  readonly summary: Summary | undefined;
  readonly events: readonly Event[];
  /** What this run asked of AWS; `writes` are those that AWS did. */
  readonly calls: readonly { readonly operation: string; readonly kind: "read" | "write" }[];
  readonly writes: readonly string[];
}

/** What came of an action, with all that a person would have seen of it. */
export interface Ended extends Omit<Ran, "plan" | "summary"> {
  readonly result: Result | undefined;
  /** What was thrown, or failed in what was done; several as one error that holds them all. */
  readonly error: unknown;
  readonly exitCode: number;
  readonly asked: readonly string[];
  readonly notes: readonly string[];
  /** What was printed. */
  readonly said: string;
}

export interface Asked extends Options {
  readonly yaml?: string;
  readonly json?: boolean;
  /** What is said to each question at a terminal; without it there is no terminal. */
  readonly answers?: readonly boolean[];
}

/** Polls are so many times rarer than a real run's: most of what a run asks is whether it may go on. */
const OVERSLEEP = 10;

const FOLDER = mkdtempSync(join(tmpdir(), "bootstrap-site-"));

/** One environment in a sandbox in process, with its manifest in memory and a clock that jumps. */
export class Site {
  readonly lab: Lab;
  /** Without this the next run finds no manifest. */
  store = memoryStore();
  readonly region: string;

  constructor(region = "us-east-1", within?: Lab) {
    this.region = region;
    this.lab = within ?? lab(region, { oversleep: OVERSLEEP, direct: true });
  }

  up(yaml = "", options: Options = {}): Promise<Ran> {
    return this.#ran(up, { yes: true, ...options, yaml });
  }

  bake(yaml = "", options: Options = {}): Promise<Ran> {
    return this.#ran(bakeAmi, { yes: true, ...options, yaml });
  }

  async teardown(yaml = "", options: Options = {}) {
    const { result, error } = await this.run(teardown, { ...options, yaml, yes: true, discardData: true });
    if (result?.type !== "removed") throw error;
    return result;
  }

  async #ran(action: Action, asked: Asked): Promise<Ran> {
    const { result, error, ...ran } = await this.run(action, asked);
    if (result === undefined || !("plan" in result)) throw error;
    return { ...ran, plan: result.plan, summary: result.type === "up" ? result.summary : undefined };
  }

  /** An action as whoever types its verb would see it. */
  async run<O extends Options>(
    action: Action<O>,
    { yaml, json = false, answers, ...options }: Asked & O,
  ): Promise<Ended> {
    const before = this.lab.calls.length;
    const events: Event[] = [];
    const asked: string[] = [];
    let said = "";
    const io: Io = {
      event: (event) => events.push(event),
      ask:
        answers &&
        (async ({ text }) => {
          asked.push(text);
          return answers[asked.length - 1] ?? false;
        }),
      result(result) {
        said += printed(result, { json, color: false });
      },
    };
    let result: Result | undefined;
    let error: unknown;
    let exitCode: number;
    try {
      result = await action(this.host(), { ...(options as unknown as O), ...this.#target(yaml) }, io);
      exitCode = resultCode(result);
      error = "failures" in result ? asOne(result.failures) : undefined;
    } catch (thrown) {
      error = thrown;
      exitCode = errorCode(thrown);
    }
    const calls = this.lab.calls.slice(before);
    return {
      ...{ result, error, exitCode, asked, said, events, calls },
      notes: events.flatMap((event) => (event.type === "note" ? [event.text] : [])),
      writes: calls
        .filter(({ kind, outcome }) => kind === "write" && outcome === "ok")
        .map(({ operation }) => operation),
    };
  }

  /** What an action works with. */
  open(yaml = "", options: Options = {}) {
    const opening = { verb: "up", options: { ...options, ...this.#target(yaml) }, locked: false, chooses: true };
    return withSession(this.host(), { ...opening, io: { event: () => {} } }, async (session) => session);
  }

  host(): Host {
    const { cloud, clock } = this.lab;
    const { signal } = new AbortController();
    return {
      ...{ signal, folder: FOLDER, lock: async () => () => {}, store: () => this.store },
      reach: async () => ({
        ...{ clock, sandbox: true, endpoint: undefined, connect: () => cloud },
        defaultRegion: async () => this.region,
        close: async () => {},
      }),
    };
  }

  #target(yaml = "") {
    const needsMirrors = this.region.startsWith("cn-") && !yaml.includes("container");
    return { config: fileWith(needsMirrors ? `${yaml}\n${MIRRORS}` : yaml), region: this.region };
  }
}

function asOne(failures: readonly BootstrapError[]): BootstrapError | AggregateError | undefined {
  return failures.length > 1 ? new AggregateError(failures) : failures[0];
}

/** Without these no instance builds in China. */
const MIRRORS =
  "container: { mirrors: { baseImage: 'registry.example.com/micromamba:1', conda: 'https://conda.example.com' } }";

const files = new Map<string, string>();

/** One file for each text, however many runs read it. */
function fileWith(yaml: string): string {
  const file = files.get(yaml) ?? join(mkdtempSync(join(tmpdir(), "bootstrap-site-")), "bootstrap.yaml");
  if (!files.has(yaml)) writeFileSync(file, yaml);
  files.set(yaml, file);
  return file;
}
