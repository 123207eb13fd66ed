import { criticalPath, type Span, spansIn } from "../log/critical-path.ts";
import { eventIn } from "../log/lines.ts";
import { runInShort } from "../log/run-in-short.ts";
import type { Line } from "../log/schema.ts";
import { lineView } from "./line-view.ts";
import { paintIn } from "./paint.ts";
import type { Sheet } from "./sheet.ts";
import { table } from "./table.ts";
import { duration, linesOf } from "./words.ts";

/** A run in the list of all, told by its own lines. */
export interface RunRow {
  readonly environment: string;
  readonly lines: readonly Line[];
}

/** The newest first, with the numbers by which they are asked for. */
export function renderHistory(runs: readonly RunRow[], { color, columns }: Sheet): string {
  const paint = paintIn(color);
  const rows = runs.map(({ environment, lines }, index) => {
    const { began, ended, words } = runInShort(lines);
    const code = ended === undefined ? "-" : String(ended.exitCode);
    const took = ended === undefined ? "-" : duration(ended.ms);
    return [
      String(index + 1),
      began ? timeOf(began.at) : "-",
      began?.verb ?? "-",
      environment,
      took,
      code,
      linesOf(words).join(" "),
    ];
  });
  const head = ["RUN", "BEGAN (UTC)", "VERB", "ENVIRONMENT", "TOOK", "EXIT", "RESULT"];
  const paintCell = (text: string, row: number) => (row === 0 ? paint("bold", text) : text);
  const lines = table([head, ...rows], paintCell, { columns, cut: head.indexOf("ENVIRONMENT") }).flat();
  return `${lines.join("\n")}\n`;
}

function timeOf(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace("T", " ");
}

/** A run told again as it was told at the time, and how it ended. */
export function renderRun(lines: readonly Line[], { color }: Sheet): string {
  let text = "";
  const stdout = {
    write(more: string) {
      text += more;
    },
  };
  const view = lineView({ stdout, color, verbose: true });
  for (const line of lines) {
    const event = eventIn(line);
    if (event) view.onEvent(event);
  }
  return `${text}\n${endOf(lines)}\n`;
}

function endOf(lines: readonly Line[]): string {
  const { ended, words: raw } = runInShort(lines);
  const words = linesOf(raw).join(" ");
  const errors = lines.flatMap((line) => {
    if (line.type !== "error") return [];
    const { message, hint, aws } = line.error;
    const request = aws?.requestId === undefined ? "" : ` (${aws.code}, request ${aws.requestId})`;
    return [...linesOf(`error: ${message}${request}`), ...(hint === undefined ? [] : linesOf(`hint: ${hint}`))];
  });
  const end = ended ? `ended after ${duration(ended.ms)} with exit code ${ended.exitCode}: ${words}` : words;
  return [...errors, end].join("\n");
}

const BAR = 40;

/** When each part was at work; those that the run's length came from are marked. */
export function renderGantt(lines: readonly Line[], { color }: Sheet): string {
  const paint = paintIn(color);
  const spans = spansIn(lines);
  if (spans.length === 0) return `nothing was at work in this run\n${endOf(lines)}\n`;
  const path = criticalPath(spans);
  const length = Math.max(1, ...spans.map(({ to }) => to));
  const rows = spans.map((span) => [
    path.includes(span.node) ? "*" : " ",
    span.node,
    bar(span, length),
    duration(span.to - span.from),
    span.ended === "finished" ? "" : span.ended,
  ]);
  const chart = table(rows, (text, row, column) =>
    column === 2 && path.includes(spans[row]!.node) ? paint("yellow", text) : text,
  ).flat();
  const parts = path.map((node) => {
    const { from, to } = spans.find((span) => span.node === node)!;
    return `${node} ${duration(to - from)}`;
  });
  return `${[...chart, "", `* the critical path: ${parts.join(", then ")}`, endOf(lines)].join("\n")}\n`;
}

function bar({ from, to }: Span, length: number): string {
  const at = (time: number) => Math.min(BAR - 1, Math.floor((time / length) * BAR));
  const begin = at(from);
  return `${".".repeat(begin)}${"#".repeat(Math.max(1, at(to) - begin + (to >= length ? 1 : 0)))}`.padEnd(BAR, ".");
}
