import type { Event } from "../engine/events.ts";
import { type Paint, paintIn } from "./paint.ts";
import type { View, ViewOptions } from "./view.ts";
import { duration, headOf, isIdle, linesOf, outcomeOf, planInWords, widthOf } from "./words.ts";

type LineOptions = Pick<ViewOptions, "color" | "verbose"> & { readonly stdout: { write(text: string): unknown } };

/** One timed line for each thing that happens: `[  12.3s] filesystem    creating … CREATING`. */
export function lineView({ stdout, color, verbose }: LineOptions): View {
  const paint = paintIn(color);
  const doing = new Map<string, string>();
  let startedAt: number | undefined;
  let width = 12;
  let open = true;

  return {
    onEvent(event) {
      if (!open) return;
      startedAt ??= event.at;
      if (event.type === "planned") width = Math.max(width, widthOf(event.nodes));
      if (event.type === "started") doing.set(event.node, event.doing);
      const seconds = `${((event.at - startedAt) / 1000).toFixed(1)}s`.padStart(7);
      const node = "node" in event && event.node !== undefined ? `${event.node.padEnd(width)}  ` : "";
      for (const text of linesFor(event, doing, { paint, verbose })) {
        stdout.write(`${paint("dim", `[${seconds}]`)} ${node}${text}\n`);
      }
    },
    async close() {
      open = false;
    },
  };
}

function linesFor(
  event: Event,
  doing: ReadonlyMap<string, string>,
  { paint, verbose }: { readonly paint: Paint; readonly verbose: boolean },
): readonly string[] {
  switch (event.type) {
    case "began":
      return linesOf(headOf(event));
    case "planned":
      return isIdle(event.nodes) ? [] : [planInWords(event.nodes)];
    case "started":
      return [`${event.doing} …`];
    case "seen":
      return linesOf(`${doing.get(event.node) ?? "waiting"} … ${event.detail ?? event.state}`);
    case "note":
      return linesOf(event.text).map((line) => (event.node === undefined ? line : paint("dim", `| ${line}`)));
    case "finished":
      if (!verbose && (event.outcome === "kept" || event.outcome === "unneeded")) return [];
      return [paint("green", outcomeOf(event))];
    case "failed":
      return linesOf(`failed after ${duration(event.ms)}: ${event.error.message}`).map((line) => paint("red", line));
    case "blocked":
      return [paint("yellow", `blocked by ${event.by}`)];
    case "interrupted":
      return [paint("yellow", `interrupted: ${event.detail}`)];
  }
}
