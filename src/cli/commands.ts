import { POLICY_VERBS } from "../aws/caller-policy.ts";
import type { CompleteFlags, CompletionFlags, HistoryFlags, PolicyFlags, SandboxFlags } from "./flags.ts";
import type { Command, ExitCodes, Headed } from "./verb.ts";

/** What every verb for an environment takes, under the headings that help has for it. */
export const COMMON: Headed = {
  "Environment:": [
    ["--config <file>", "default: bootstrap.yaml, if there is one"],
    ["--name <name>", "the environment's name; default: the config's, or the workload's"],
    ["--region <region>", "default: the config's, AWS_REGION, or the profile's"],
    ["--take-over-lock", "take over a lock left by another host or container; make sure that run is dead"],
  ],
  "Output:": [
    ["--json", "events, plan and result as JSON, a line each"],
    ["--verbose", "show diagnostic detail"],
  ],
  "Sandbox and endpoints:": [
    ["--sandbox", "run against a local simulated AWS; no account is needed"],
    ["--speed <factor>", "the sandbox's seconds in one of ours", "factor"],
    ["--endpoint-url <url>", "run against another AWS-compatible endpoint"],
  ],
};

const CHANGING: ExitCodes = {
  0: "done, or nothing to do",
  1: "something failed: AWS's reason is shown, and what to type next",
  2: "the config or a flag cannot be used as it is",
  3: "refused: not ours, holds data, wrong account or region, locked, or nobody there to ask",
  130: 'stopped by Ctrl-C, or by your "no"',
};

const PLANNING: ExitCodes = { ...CHANGING, 10: "with --dry-run --exit-code: something would be changed" };

const BAD_FLAG = { 2: "a flag cannot be used as it is" };

/** Start here: every verb, in the order in which help tells them. A new one is its action and a row. */
export const COMMANDS: readonly Command[] = [
  {
    name: "up",
    summary: "make what is missing, fix what drifted, change what the config changed",
    flags: [
      ["--dry-run", "say what would be done, and do nothing"],
      ["--exit-code", "with --dry-run: end with 10 where something in AWS would be changed"],
      ["--yes", "do not ask before something is replaced, or removed as no longer used"],
      ["--repair", "also fix drift that requires replacing running instances"],
      ["--keep-builder", "leave the builders standing, for a look at what went wrong"],
    ],
    examples: [
      ["--dry-run", "look first: nothing is changed or written"],
      ["--sandbox --speed 200", "a whole environment on a simulated AWS"],
      ["--region us-east-1 --yes", "from a script, without a config file"],
    ],
    exitCodes: PLANNING,
    synonyms: {
      ...{ plan: "--dry-run", diff: "--dry-run", preview: "--dry-run", init: "--dry-run" },
      ...{ apply: "", create: "", deploy: "", install: "", start: "", update: "" },
    },
    action: async (...given) => (await import("../actions/up.ts")).up(...given),
  },
  {
    name: "bake-ami",
    summary: "bake a new machine image, and roll it out through launch template and compute environment",
    flags: [
      ["--dry-run", "say what would be done, and do nothing"],
      ["--exit-code", "with --dry-run: end with 10 where something in AWS would be changed"],
      ["--force", "bake also when neither the base image nor the recipe changed"],
      ["--yes", "do not ask"],
      ["--keep-builder", "leave the builder standing, for a look at what went wrong"],
    ],
    examples: [
      ["--dry-run", "is there a newer base image, and what would it replace?"],
      ["--yes", "from a script: running jobs end on the nodes that they are on"],
      ["--force", "the package repositories may have moved on"],
    ],
    exitCodes: PLANNING,
    synonyms: { bake: "", ami: "", build: "", rebuild: "--force", renew: "", upgrade: "" },
    action: async (...given) => (await import("../actions/bake-ami.ts")).bakeAmi(...given),
  },
  {
    name: "teardown",
    summary: "shut it down and stop paying: remove everything, then look again",
    flags: [
      ["--dry-run", "say what would be removed, and remove nothing"],
      ["--yes", "do not ask; data still needs --discard-data"],
      ["--discard-data", "remove the file system with all that is on it"],
    ],
    examples: [
      ["--dry-run", "what would be removed"],
      ["--name demux --region us-east-1", "without its config and manifest"],
      ["--yes --discard-data", "from a script, data included"],
    ],
    exitCodes: CHANGING,
    synonyms: { clean: "", delete: "", destroy: "", down: "", remove: "", rm: "", uninstall: "" },
    action: async (...given) => (await import("../actions/teardown.ts")).teardown(...given),
  },
  {
    name: "status",
    summary: "show what exists compared with the config",
    flags: [["--workload <name>", "of several workloads, show only what this one's jobs use"]],
    examples: [
      ["", "the environment of bootstrap.yaml"],
      ["--name demux --region eu-central-1", "one without a config at hand"],
      ["--json", "the same for a program"],
    ],
    exitCodes: { ...CHANGING, 0: "shown, whether something differs or not", 1: "something could not be looked at" },
    synonyms: { check: "", describe: "", get: "", info: "", list: "", ls: "", ps: "", show: "" },
    action: async (...given) => (await import("../actions/status.ts")).status(...given),
  },
  {
    name: "history",
    summary: "tell again what earlier runs did: a list of them, or one of them",
    argument: { typed: "[number]", key: "number", about: "of the list, the newest run being 1; default: the list" },
    flags: [["--gantt", "show when each part was at work, and what the run's length came from"]],
    examples: [
      ["", "the runs on record on this machine"],
      ["1", "what the newest of them did"],
      ["1 --gantt", "when each part of it was at work"],
    ],
    exitCodes: {
      1: "a record cannot be read",
      2: CHANGING[2]!,
      0: "told",
      3: "no run of the environment is on record",
    },
    synonyms: { log: "", runs: "" },
    action: async (host, flags: HistoryFlags, io) => (await import("../actions/history.ts")).history(host, flags, io),
  },
  {
    name: "policy",
    summary: "print the least that whoever types a verb must be allowed, as an IAM policy",
    argument: { typed: "<verb>", key: "of", about: "whose policy", choices: POLICY_VERBS },
    flags: [["--account <id>", "default: that of the credentials at hand; with it, AWS is not asked"]],
    examples: [
      ["up > up.json", "to attach to whoever types up"],
      ["teardown --account 123456789012", "without asking AWS which account it is"],
      ["status --region cn-north-1", "of another region"],
    ],
    exitCodes: { ...CHANGING, 0: "printed" },
    synonyms: { iam: "up", permissions: "up", policies: "up" },
    action: async (host, flags: PolicyFlags, io) => (await import("../actions/policy.ts")).policy(host, flags, io),
  },
  {
    name: "sandbox",
    summary: "run a local simulated AWS, for trying out and for other AWS clients",
    flags: [
      ["--port <number>", "on 127.0.0.1", "port", 4566],
      ["--speed <factor>", "its seconds in one of ours", "factor"],
      ["--caller-policy <file>", "an IAM policy: all that whoever calls may do; default: everything"],
      ["--advance <time>", "move its clock on by 30d, 12h or 90m, and end"],
    ],
    examples: [
      ["", "until Ctrl-C"],
      ["--advance 30d", "a month passes, and AWS publishes newer images"],
      ["--port 0 --caller-policy up.json", "on any free port, with only what a policy allows"],
    ],
    exitCodes: { 0: "ended by Ctrl-C, or the clock is moved on", 1: "it cannot be served", ...BAD_FLAG },
    synonyms: { local: "", mock: "", serve: "", simulate: "" },
    tool: async (flags: SandboxFlags) => (await import("./sandbox.ts")).sandbox(flags),
  },
  {
    name: "completion",
    summary: "print the script that completes bootstrap's words in a shell",
    argument: { typed: "<shell>", key: "shell", about: "whose script", choices: ["bash", "zsh", "fish"] },
    examples: [
      ["bash > ~/.local/share/bash-completion/completions/bootstrap", "beside Debian's bash-completion"],
      ["zsh > ~/.zfunc/_bootstrap", "in a folder of fpath"],
      ["fish > ~/.config/fish/completions/bootstrap.fish", "found by fish itself"],
    ],
    exitCodes: { 0: "printed", ...BAD_FLAG },
    tool: async ({ shell }: CompletionFlags) => (await import("./completion.ts")).printScript(shell),
  },
  {
    name: "complete",
    summary: "answer the scripts of bootstrap completion: what may be typed next",
    hidden: true,
    argument: { typed: "[words...]", key: "words", about: "what is typed so far, after --" },
    examples: [],
    exitCodes: { 0: "printed" },
    tool: async ({ words }: CompleteFlags) => (await import("./completion.ts")).complete(words, COMMANDS, COMMON),
  },
];
