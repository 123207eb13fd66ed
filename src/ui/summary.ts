import { paintIn } from "./paint.ts";
import { table } from "./table.ts";
import { linesOf } from "./words.ts";

/** What a person wants to know when a run is over. */
export interface Summary {
  /** `demux is up in us-east-1`. */
  readonly headline: string;
  /** What exists: its name and its id or ARN. */
  readonly facts?: readonly (readonly [name: string, value: string])[] | undefined;
  /** Why, and the command to type. */
  readonly next?: readonly (readonly [why: string, command: string])[] | undefined;
  /** What was not touched, and why: it may cost. */
  readonly left?: readonly string[] | undefined;
}

export function renderSummary(
  { headline, facts = [], next = [], left = [] }: Summary,
  { color }: { readonly color: boolean },
): string {
  const paint = paintIn(color);
  const factLines = table(facts, (text, _row, column) => (column === 0 ? paint("dim", text) : text)).flat();
  const sections = [
    [paint("bold", headline)],
    factLines.map((line) => `  ${line}`),
    next.flatMap(([why, command]) => [`${why}:`, `  ${paint("cyan", command)}`]),
    left.length > 0 ? [paint("yellow", "left alone:"), ...left.flatMap(linesOf).map((line) => `  ${line}`)] : [],
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}
