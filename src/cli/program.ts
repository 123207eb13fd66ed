import { Argument, Command, InvalidArgumentError, Option } from "commander";
import { VERSION } from "../version.ts";
import { COMMANDS, COMMON } from "./commands.ts";
import type { Flags, ToolFlags } from "./flags.ts";
import { EXAMPLES, examplesAndExitCodes } from "./help.ts";
import type { Flag, Command as Row, Value } from "./verb.ts";

/** What is done with the flags of an action's row, and of a tool's. */
export interface Run {
  action(row: Extract<Row, { action: unknown }>, flags: Flags): Promise<void>;
  tool(row: Extract<Row, { tool: unknown }>, flags: ToolFlags): Promise<void>;
}

/** The command line for what is typed: verbs and flags, and what their values may be. Throws `CommanderError`, also after help. */
export function program(run: Run, typed: readonly string[]): Command {
  const bootstrap = new Command("bootstrap")
    .description("Stands up, renews and removes a cloud batch environment for sequencing labs.")
    .version(VERSION, "-V, --version")
    .showHelpAfterError("Run 'bootstrap help' for commands and 'bootstrap COMMAND --help' for its flags.")
    .configureHelp({ sortOptions: false })
    .addHelpText("after", EXAMPLES)
    .commandsGroup("For this machine:")
    .exitOverride();
  for (const row of COMMANDS) {
    addVerb(bootstrap, row, run);
    for (const [word, flags] of Object.entries(row.synonyms ?? {}))
      if (typed.includes(word)) addSynonym(bootstrap, word, `${row.name} ${flags}`);
  }
  return bootstrap;
}

function addVerb(bootstrap: Command, row: Row, run: Run): void {
  const { name, summary, argument, flags = [] } = row;
  const isAction = "action" in row;
  const verb = bootstrap
    .command(name, { hidden: row.hidden ?? false })
    .description(summary)
    .addHelpText("after", () => examplesAndExitCodes(row));
  if (isAction) verb.helpGroup("For an environment:");
  if (argument) verb.addArgument(argumentOf(argument));
  for (const flag of flags) verb.addOption(optionOf(flag));
  for (const [heading, common] of isAction ? Object.entries(COMMON) : []) {
    for (const flag of common) verb.addOption(optionOf(flag).helpGroup(heading));
  }
  verb.action((...given: unknown[]) => {
    // An argument, where the verb has one, comes before the flags, and the command itself after them.
    const [typed, of] = argument ? [given[1], { [argument.key]: given[0] }] : [given[0], {}];
    const all = { ...(typed as Flags), ...of };
    return isAction ? run.action(row, all) : run.tool(row, all);
  });
}

/** Another tool's word for a verb is answered with the command to type, other words after it as they were. */
function addSynonym(bootstrap: Command, word: string, meant: string): void {
  const synonym = bootstrap.command(word, { hidden: true });
  const answer = (words: readonly string[]) =>
    `error: there is no command '${word}'\nhint: ${["bootstrap", meant.trim(), ...words].join(" ")}`;
  synonym
    .argument("[words...]")
    .allowUnknownOption()
    .helpOption(false)
    .configureHelp({ formatHelp: () => `${answer([])}\n` })
    .showHelpAfterError(false)
    .action(async () => {
      const { typed } = await import("../actions/options.ts");
      synonym.error(answer(synonym.args.map(typed)));
    });
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
