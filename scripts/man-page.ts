import { COMMANDS, COMMON } from "../src/cli/commands.ts";
import type { Command, Flag } from "../src/cli/verb.ts";
import { VERSION } from "../src/version.ts";

/** bootstrap(1), of what help is made of: https://man7.org/linux/man-pages/man7/man-pages.7.html */
export function manPage(): string {
  const told = COMMANDS.filter(({ hidden }) => !hidden);
  const lines = [
    `.TH BOOTSTRAP 1 "" "bootstrap ${escaped(VERSION)}"`,
    ...[".SH NAME", escaped("bootstrap - an AWS Batch environment for sequencing labs")],
    ...[".SH SYNOPSIS", ".B bootstrap", ".I COMMAND", "[\\fIOPTIONS\\fR]"],
    ...[".SH COMMANDS", ...told.flatMap(commandLines)],
    ".SH COMMON OPTIONS",
    "Those of every command for an environment.",
    ...Object.entries(COMMON).flatMap(([heading, flags]) => [
      `.SS ${escaped(heading.replace(/:$/, ""))}`,
      ...flags.flatMap(flagLines),
    ]),
    ...[".SH FILES", ...FILES.flatMap(([file, about]) => tagged(file, about))],
  ];
  return `${lines.join("\n")}\n`;
}

const FILES = [
  ["bootstrap.yaml", "the config, in the folder where bootstrap is typed"],
  [".bootstrap/", "manifests and locks, and the sandbox's world"],
] as const;

function commandLines({ name, summary, argument, flags = [], examples, exitCodes }: Command): string[] {
  const typed = argument ? ` ${argument.choices?.join("|") ?? argument.typed}` : "";
  return [
    ...[`.SS ${escaped(`bootstrap ${name}${typed}`)}`, escaped(summary)],
    ...flags.flatMap(flagLines),
    ...[".PP", "Examples:"],
    ...examples.flatMap(([words, about]) => tagged(`bootstrap ${name} ${words}`.trimEnd(), about)),
    ...[".PP", "Exit codes:"],
    ...Object.entries(exitCodes).flatMap(([code, about]) => tagged(code, about)),
  ];
}

function flagLines([typed, about, , otherwise]: Flag): string[] {
  return tagged(typed, otherwise === undefined ? about : `${about}; default: ${otherwise}`);
}

function tagged(tag: string, about: string): string[] {
  return [".TP", `\\fB${escaped(tag)}\\fR`, escaped(about)];
}

/** As text: no request at a line's beginning, and hyphens that can be typed. */
function escaped(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^([.'])/, "\\&$1");
}
