import type { Planned, PlannedNode } from "../engine/events.ts";
import { paintIn, type Style } from "./paint.ts";
import type { Sheet } from "./sheet.ts";
import { table } from "./table.ts";
import { isIdle, linesOf, planInWords } from "./words.ts";

const STYLES: Partial<Record<Planned, Style>> = {
  create: "green",
  adopt: "green",
  update: "yellow",
  replace: "yellow",
  confirm: "yellow",
  refuse: "red",
  unseen: "red",
  remove: "red",
  keep: "dim",
  use: "dim",
  temporary: "dim",
  follows: "dim",
};

/** A plan as a table, for `--dry-run` and `status`: every node, what is to happen to it and why, what AWS says. */
export function renderPlan(nodes: readonly PlannedNode[], { color, columns }: Sheet): string {
  const paint = paintIn(color);
  const header = ["NODE", "VERDICT", "REF", "STATE", "REASON"];
  const rows = nodes.map(({ node, verdict, ref = "-", state, detail, reason }) =>
    [node, verdict, ref, detail ?? state ?? "-", reason].map((cell) => linesOf(cell).join(" ")),
  );
  const paintCell = (text: string, row: number, column: number) => {
    if (row === 0) return paint("bold", text);
    const style = column === 1 ? STYLES[nodes[row - 1]!.verdict] : undefined;
    return style ? paint(style, text) : text;
  };
  const [head = [], ...lines] = table([header, ...rows], paintCell, { columns, cut: header.indexOf("REF") });
  const body = lines.flatMap((row, index) => [...row, ...driftLines(nodes[index]!).map((text) => paint("dim", text))]);
  return `${[...head, ...body, "", footOf(nodes)].join("\n")}\n`;
}

/** What is to be done, where that is more than to write down what stands. */
function footOf(nodes: readonly PlannedNode[]): string {
  const others = nodes.filter(({ verdict }) => verdict !== "adopt");
  if (others.length === nodes.length || !isIdle(others)) return planInWords(nodes);
  return `nothing to do: ${nodes.length - others.length} things stand as they should, and up writes them into the manifest`;
}

/** What the reason does not say already. */
function driftLines({ drift = [], reason }: PlannedNode): readonly string[] {
  return drift
    .map(({ field, want, have, disruptive }) => ({ text: `${field}: ${have} -> ${want}`, disruptive }))
    .filter(({ text }) => !reason.includes(text))
    .map(({ text, disruptive }) => `    ${text}${disruptive ? " (up --repair mends it)" : ""}`);
}
