import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { VERSION } from "../version.ts";
import type { Flags, SandboxFlags } from "./flags.ts";

// The SDK's own remark on Node 20 is for developers, not for the person at the keyboard.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

const program = new Command("bootstrap")
  .description("Stands up, renews and removes a cloud batch environment for sequencing labs.")
  .version(VERSION, "-V, --version")
  .showHelpAfterError("(bootstrap help tells the verbs, bootstrap VERB --help the flags of one)")
  .configureHelp({ sortOptions: false });

program.exitOverride((error) => {
  // Commander's own troubles are bad input, except what was asked for: help and version.
  process.exitCode = error.exitCode === 0 ? 0 : 2;
  throw error;
});

verb("up", "make what is missing, mend what drifted, change what the config changed")
  .option("--dry-run", "say what would be done, and do nothing")
  .option("--yes", "do not ask before something is replaced, or removed as no longer used")
  .option("--repair", "mend also the drift whose mending replaces running machines")
  .option("--keep-builder", "leave the builders standing, for a look at what went wrong")
  .action(toldTo(async (flags: Flags) => (await import("./up.ts")).up(flags)));

verb("bake-ami", "bake a new machine image, and roll it through template and compute environment")
  .option("--dry-run", "say what would be done, and do nothing")
  .option("--force", "bake also when neither the base image nor the recipe changed")
  .option("--yes", "do not ask")
  .option("--keep-builder", "leave the builder standing, for a look at what went wrong")
  .action(toldTo(async (flags: Flags) => (await import("./bake-ami.ts")).bakeAmi(flags)));

verb("teardown", "stop the costs: remove everything, then look again")
  .option("--dry-run", "say what would be removed, and remove nothing")
  .option("--yes", "do not ask; data still needs --discard-data")
  .option("--discard-data", "remove the file system with all that is on it")
  .action(toldTo(async (flags: Flags) => (await import("./teardown.ts")).teardown(flags)));

verb("status", "say what there is, beside what should be").action(
  toldTo(async (flags: Flags) => (await import("./status.ts")).status(flags)),
);

program
  .command("sandbox")
  .description("serve an AWS of this machine's own, for trying out and for other AWS clients")
  .option("--port <number>", "on 127.0.0.1", wholeNumber(0, 65_535), 4566)
  .option("--speed <factor>", "its seconds in one of ours", factor)
  .option("--advance <time>", "move its clock on by 30d, 12h or 90m, and end")
  .action(toldTo(async (flags: SandboxFlags) => (await import("./sandbox.ts")).sandbox(flags)));

function verb(name: string, description: string): Command {
  return program
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
    .option("--take-over-lock", "take the lock over from a run on another host, which is surely not at work");
}

function wholeNumber(from: number, to: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < from || value > to)
      throw new InvalidArgumentError(`It is a whole number from ${from} to ${to}.`);
    return value;
  };
}

function factor(text: string): number {
  const value = Number(text);
  if (!(value >= 1 && value <= 100_000)) throw new InvalidArgumentError("It is a number from 1 to 100000.");
  return value;
}

/** What goes wrong in a verb is told with the flags at hand, so that its hints can be typed as they stand. */
function toldTo<F extends Flags | SandboxFlags>(work: (flags: F) => Promise<void>): (flags: F) => Promise<void> {
  return async (flags) => {
    try {
      await work(flags);
    } catch (error) {
      const { fail } = await import("./fail.ts");
      fail(error, flags);
    }
  };
}

for (const stream of [process.stdout, process.stderr]) {
  // Whoever reads along may leave; the work goes on.
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

await program.parseAsync().catch((error: unknown) => {
  if (!(error instanceof CommanderError)) throw error;
});
