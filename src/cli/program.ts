import { Argument, Command, InvalidArgumentError, Option } from "commander";
import { VERSION } from "../version.ts";
import { COMMANDS, COMMON, type Flag, type Command as Row, type Value } from "./commands.ts";
import type { Flags, SandboxFlags } from "./flags.ts";

/** What is done with the flags of an action's row, and of a tool's. */
export interface Run {
  action(row: Extract<Row, { action: unknown }>, flags: Flags): Promise<void>;
  tool(row: Extract<Row, { tool: unknown }>, flags: SandboxFlags): Promise<void>;
}

/** The command line: verbs and flags, and what their values may be. Throws `CommanderError`, also after help. */
export function program(run: Run): Command {
  const bootstrap = new Command("bootstrap")
    .description("Stands up, renews and removes a cloud batch environment for sequencing labs.")
    .version(VERSION, "-V, --version")
    .showHelpAfterError("(bootstrap help tells the verbs, bootstrap VERB --help the flags of one)")
    .configureHelp({ sortOptions: false })
    .exitOverride();
  for (const row of COMMANDS) {
    const { name, summary, argument, flags = [], examples } = row;
    const verb = bootstrap.command(name).description(summary);
    if (argument) verb.addArgument(argumentOf(argument));
    for (const flag of "action" in row ? [...COMMON, ...flags] : flags) verb.addOption(optionOf(flag));
    verb.addHelpText(
      "after",
      ["", "Examples:", ...examples.map((example) => `  bootstrap ${name} ${example}`.trimEnd())].join("\n"),
    );
    verb.action((...given: unknown[]) => {
      // An argument, where the verb has one, comes before the flags, and the command itself after them.
      const [typed, of] = argument ? [given[1], { [argument.key]: given[0] }] : [given[0], {}];
      const all = { ...(typed as Flags), ...of };
      return "action" in row ? run.action(row, all) : run.tool(row, all as unknown as SandboxFlags);
    });
  }
  return bootstrap;
}

function argumentOf({ typed, about, choices }: NonNullable<Row["argument"]>): Argument {
  const argument = new Argument(typed, about);
  return choices ? argument.choices(choices) : argument;
}

function optionOf([typed, about, value, otherwise]: Flag): Option {
  const option = new Option(typed, about);
  if (value) option.argParser(PARSERS[value]);
  return otherwise === undefined ? option : option.default(otherwise);
}

const PARSERS: Readonly<Record<Value, (text: string) => number>> = {
  port(text) {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= 0 && value <= 65_535)) throw new InvalidArgumentError("It is a whole number from 0 to 65535.");
    return value;
  },
  factor(text) {
    const value = Number(text);
    if (!(value >= 1 && value <= 100_000)) throw new InvalidArgumentError("It is a number from 1 to 100000.");
    return value;
  },
};
