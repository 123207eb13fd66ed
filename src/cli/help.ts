import type { Command } from "./verb.ts";

type Told = readonly (readonly [what: string, about: string])[];

/** What help tells of the whole program, below its commands. */
export const EXAMPLES = examplesOf([
  ["up --sandbox", "the whole of it on a simulated AWS, without an account"],
  ["up --dry-run", "what would be made in your account"],
  ["COMMAND --help", "a command's flags, examples and exit codes"],
]);

/** What help tells of a verb, below its flags. */
export function examplesAndExitCodes({ name, examples, exitCodes }: Command): string {
  const typed = examples.map(([words, about]) => [`${name} ${words}`.trimEnd(), about] as const);
  return `${examplesOf(typed)}\n${section("Exit codes:", Object.entries(exitCodes))}`;
}

function examplesOf(told: Told): string {
  return section(
    "Examples:",
    told.map(([words, about]) => [`bootstrap ${words}`, about]),
  );
}

function section(heading: string, told: Told): string {
  const width = Math.max(...told.map(([what]) => what.length));
  return ["", heading, ...told.map(([what, about]) => `  ${what.padEnd(width)}  ${about}`)].join("\n");
}
