import { Argument, Command, InvalidArgumentError, Option } from "commander";
import { POLICY_VERBS } from "../aws/caller-policy.ts";
import { VERSION } from "../version.ts";
import type { Flags, PolicyFlags, SandboxFlags } from "./flags.ts";

/** What each verb does with its flags. */
export interface Verbs {
  up(flags: Flags): Promise<void>;
  bakeAmi(flags: Flags): Promise<void>;
  teardown(flags: Flags): Promise<void>;
  status(flags: Flags): Promise<void>;
  policy(flags: PolicyFlags): Promise<void>;
  sandbox(flags: SandboxFlags): Promise<void>;
}

/** The command line: verbs and flags, and what their values may be. Throws `CommanderError`, also after help. */
export function program(verbs: Verbs): Command {
  const bootstrap = new Command("bootstrap")
    .description("Stands up, renews and removes a cloud batch environment for sequencing labs.")
    .version(VERSION, "-V, --version")
    .showHelpAfterError("(bootstrap help tells the verbs, bootstrap VERB --help the flags of one)")
    .configureHelp({ sortOptions: false })
    .exitOverride();

  verb(bootstrap, "up", "make what is missing, mend what drifted, change what the config changed")
    .option("--dry-run", "say what would be done, and do nothing")
    .option("--yes", "do not ask before something is replaced, or removed as no longer used")
    .option("--repair", "mend also the drift whose mending replaces running machines")
    .option("--keep-builder", "leave the builders standing, for a look at what went wrong")
    .action((flags: Flags) => verbs.up(flags));

  verb(bootstrap, "bake-ami", "bake a new machine image, and roll it through template and compute environment")
    .option("--dry-run", "say what would be done, and do nothing")
    .option("--force", "bake also when neither the base image nor the recipe changed")
    .option("--yes", "do not ask")
    .option("--keep-builder", "leave the builder standing, for a look at what went wrong")
    .action((flags: Flags) => verbs.bakeAmi(flags));

  verb(bootstrap, "teardown", "stop the costs: remove everything, then look again")
    .option("--dry-run", "say what would be removed, and remove nothing")
    .option("--yes", "do not ask; data still needs --discard-data")
    .option("--discard-data", "remove the file system with all that is on it")
    .action((flags: Flags) => verbs.teardown(flags));

  verb(bootstrap, "status", "say what there is, beside what should be").action((flags: Flags) => verbs.status(flags));

  verb(bootstrap, "policy", "print the least that whoever types a verb must be allowed, as an IAM policy")
    .addArgument(new Argument("<verb>", "whose policy").choices(POLICY_VERBS))
    .option("--account <id>", "default: that of the credentials at hand; with it, AWS is not asked")
    .action((of: PolicyFlags["of"], flags: Omit<PolicyFlags, "of">) => verbs.policy({ ...flags, of }));

  bootstrap
    .command("sandbox")
    .description("serve an AWS of this machine's own, for trying out and for other AWS clients")
    .option("--port <number>", "on 127.0.0.1", wholeNumber(0, 65_535), 4566)
    .option("--speed <factor>", "its seconds in one of ours", factor)
    .option("--caller-policy <file>", "an IAM policy: all that whoever calls may do; default: everything")
    .option("--advance <time>", "move its clock on by 30d, 12h or 90m, and end")
    .action((flags: SandboxFlags) => verbs.sandbox(flags));

  return bootstrap;
}

function verb(bootstrap: Command, name: string, description: string): Command {
  return bootstrap
    .command(name)
    .description(description)
    .option("--config <file>", "default: bootstrap.yaml, if there is one")
    .option("--name <name>", "the environment's name; default: the config's, or the workload's")
    .option("--region <region>", "default: the config's, AWS_REGION, or the profile's")
    .option("--json", "events, verdicts and the summary as JSON, a line each")
    .option("--verbose", "say also what is only of interest when something is wrong")
    .option("--sandbox", "run against an AWS of this machine's own; no account is needed")
    .addOption(new Option("--speed <factor>", "the sandbox's seconds in one of ours").argParser(factor))
    .option("--endpoint-url <url>", "run against another endpoint that speaks like AWS")
    .option(
      "--take-over-lock",
      "take the lock over from a run on another host or in another container, which is surely not at work",
    );
}

function wholeNumber(from: number, to: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= from && value <= to)) throw new InvalidArgumentError(`It is a whole number from ${from} to ${to}.`);
    return value;
  };
}

function factor(text: string): number {
  const value = Number(text);
  if (!(value >= 1 && value <= 100_000)) throw new InvalidArgumentError("It is a number from 1 to 100000.");
  return value;
}
