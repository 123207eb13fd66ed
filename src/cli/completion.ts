import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type ArgumentHandler, type OptionHandler, RootCommand, script } from "@bomb.sh/tab";
import { manifestsIn } from "../actions/manifests.ts";
import { REGIONS } from "../config/regions.ts";
import { FOLDER } from "./folder.ts";
import type { Command, Flag, Headed } from "./verb.ts";

type Verb = ReturnType<RootCommand["command"]>;

/** To be read by the shell; it asks `bootstrap complete` at each Tab. */
export function printScript(shell: "bash" | "fish" | "zsh"): void {
  script(shell, "bootstrap", "bootstrap");
}

/** Prints what may be typed next in a folder, as those scripts read it. */
export function complete(words: readonly string[], commands: readonly Command[], common: Headed, folder = "."): void {
  const bootstrap = new RootCommand();
  bootstrap.option("version", "print the version").option("help", "print help");
  const values = valuesIn(folder);
  const told = commands.filter(({ hidden }) => !hidden);
  for (const row of told) {
    const { name, summary, argument, flags = [] } = row;
    const verb = bootstrap.command(name, summary);
    for (const flag of [...flags, ...("action" in row ? Object.values(common).flat() : [])])
      addFlag(verb, flag, values);
    verb.option("help", "print help");
    if (argument?.choices) verb.argument(argument.key, choosing(argument.choices));
  }
  bootstrap.command("help", "print help").argument("command", choosing(told.map(({ name }) => name)));
  bootstrap.parse([...words]);
}

/** What is offered as the value of a flag. */
type Values = Readonly<Record<string, readonly (readonly [value: string, about: string])[]>>;

function valuesIn(folder: string): Values {
  const known = manifestsIn(join(folder, FOLDER));
  const files = (ending: RegExp) =>
    readdirSync(folder)
      .filter((file) => ending.test(file))
      .map((file) => [file, ""] as const);
  return {
    name: known.map(({ name, region }) => [name, region]),
    region: [
      ...known.map(({ name, region }) => [region, name] as const),
      ...REGIONS.map((region) => [region, ""] as const),
    ],
    config: files(/\.ya?ml$/),
    "caller-policy": files(/\.json$/),
  };
}

function addFlag(verb: Verb, [typed, about]: Flag, values: Values): void {
  const [long = "", place] = typed.split(" ");
  const name = long.replace(/^--/, "");
  const offers: OptionHandler = (offer) => {
    for (const [value, of] of values[name] ?? []) offer(value, of);
  };
  if (place === undefined) verb.option(name, about);
  else verb.option(name, about, offers);
}

function choosing(choices: readonly string[]): ArgumentHandler {
  return (offer) => {
    for (const choice of choices) offer(choice, "");
  };
}
