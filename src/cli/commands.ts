import type { Host, Io } from "../actions/action.ts";
import type { Result } from "../actions/result.ts";
import { POLICY_VERBS } from "../aws/caller-policy.ts";
import type { Flags, HistoryFlags, PolicyFlags, SandboxFlags } from "./flags.ts";

/** A flag as it is typed, what it is for, and what its value may be where it has one. */
export type Flag = readonly [typed: string, about: string, value?: Value, otherwise?: number];

export type Value = "factor" | "port";

/** What follows the name before the flags, as it is typed: `<verb>`, or `[number]` where it may be left out. */
interface Argument {
  readonly typed: string;
  /** Where the action finds it among the flags. */
  readonly key: string;
  readonly about: string;
  readonly choices?: readonly string[];
}

interface Row {
  readonly name: string;
  readonly summary: string;
  readonly argument?: Argument;
  readonly flags?: readonly Flag[];
  /** What may follow the name. */
  readonly examples: readonly string[];
}

/** A verb for an environment: an action, which is loaded when the verb is typed. */
interface ActionRow extends Row {
  action(host: Host, flags: Flags, io: Io): Promise<Result>;
}

/** A verb for this machine alone. */
interface ToolRow extends Row {
  tool(flags: SandboxFlags): Promise<void>;
}

export type Command = ActionRow | ToolRow;

/** What every verb for an environment takes. */
export const COMMON: readonly Flag[] = [
  ["--config <file>", "default: bootstrap.yaml, if there is one"],
  ["--name <name>", "the environment's name; default: the config's, or the workload's"],
  ["--region <region>", "default: the config's, AWS_REGION, or the profile's"],
  ["--json", "events, verdicts and the summary as JSON, a line each"],
  ["--verbose", "say also what is only of interest when something is wrong"],
  ["--sandbox", "run against an AWS of this machine's own; no account is needed"],
  ["--speed <factor>", "the sandbox's seconds in one of ours", "factor"],
  ["--endpoint-url <url>", "run against another endpoint that speaks like AWS"],
  [
    "--take-over-lock",
    "take the lock over from a run on another host or in another container, which is surely not at work",
  ],
];

/** Start here: every verb, in the order in which help tells them. A new one is its action and a row. */
export const COMMANDS: readonly Command[] = [
  {
    name: "up",
    summary: "make what is missing, mend what drifted, change what the config changed",
    flags: [
      ["--dry-run", "say what would be done, and do nothing"],
      ["--yes", "do not ask before something is replaced, or removed as no longer used"],
      ["--repair", "mend also the drift whose mending replaces running machines"],
      ["--keep-builder", "leave the builders standing, for a look at what went wrong"],
    ],
    examples: ["--dry-run", "--sandbox --speed 200"],
    action: async (...given) => (await import("../actions/up.ts")).up(...given),
  },
  {
    name: "bake-ami",
    summary: "bake a new machine image, and roll it through template and compute environment",
    flags: [
      ["--dry-run", "say what would be done, and do nothing"],
      ["--force", "bake also when neither the base image nor the recipe changed"],
      ["--yes", "do not ask"],
      ["--keep-builder", "leave the builder standing, for a look at what went wrong"],
    ],
    examples: ["--dry-run"],
    action: async (...given) => (await import("../actions/bake-ami.ts")).bakeAmi(...given),
  },
  {
    name: "teardown",
    summary: "stop the costs: remove everything, then look again",
    flags: [
      ["--dry-run", "say what would be removed, and remove nothing"],
      ["--yes", "do not ask; data still needs --discard-data"],
      ["--discard-data", "remove the file system with all that is on it"],
    ],
    examples: ["--dry-run", "--yes --discard-data"],
    action: async (...given) => (await import("../actions/teardown.ts")).teardown(...given),
  },
  {
    name: "status",
    summary: "say what there is, beside what should be",
    examples: ["--region eu-central-1"],
    action: async (...given) => (await import("../actions/status.ts")).status(...given),
  },
  {
    name: "history",
    summary: "tell again what earlier runs did: a list of them, or one of them",
    argument: { typed: "[number]", key: "number", about: "of the list, the newest run being 1; default: the list" },
    flags: [["--gantt", "show when each part was at work, and what the run's length came from"]],
    examples: ["", "1", "1 --gantt"],
    action: async (host, flags: HistoryFlags, io) => (await import("../actions/history.ts")).history(host, flags, io),
  },
  {
    name: "policy",
    summary: "print the least that whoever types a verb must be allowed, as an IAM policy",
    argument: { typed: "<verb>", key: "of", about: "whose policy", choices: POLICY_VERBS },
    flags: [["--account <id>", "default: that of the credentials at hand; with it, AWS is not asked"]],
    examples: ["up > up.json"],
    action: async (host, flags: PolicyFlags, io) => (await import("../actions/policy.ts")).policy(host, flags, io),
  },
  {
    name: "sandbox",
    summary: "serve an AWS of this machine's own, for trying out and for other AWS clients",
    flags: [
      ["--port <number>", "on 127.0.0.1", "port", 4566],
      ["--speed <factor>", "its seconds in one of ours", "factor"],
      ["--caller-policy <file>", "an IAM policy: all that whoever calls may do; default: everything"],
      ["--advance <time>", "move its clock on by 30d, 12h or 90m, and end"],
    ],
    examples: ["", "--advance 30d"],
    tool: async (flags) => (await import("./sandbox.ts")).sandbox(flags),
  },
];
