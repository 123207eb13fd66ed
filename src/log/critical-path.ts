import type { Line } from "./schema.ts";

/** When a part of the environment was worked on, in milliseconds since the run began. */
export interface Span {
  readonly node: string;
  readonly from: number;
  readonly to: number;
  readonly ended: "finished" | "failed" | "stopped";
  readonly needs: readonly string[];
}

/** What was worked on, in the order in which it began; what was kept as it was is none of it. */
export function spansIn(lines: readonly Line[]): readonly Span[] {
  const started = lines.find(({ type }) => type === "began");
  const zero = started?.type === "began" ? started.at : firstTime(lines);
  const last = Math.max(zero, ...lines.map((line) => ("at" in line ? line.at : zero)));
  const needs = new Map(
    lines.flatMap((line) => (line.type === "planned" ? line.nodes.map((node) => [node.node, node.needs ?? []]) : [])),
  ) as ReadonlyMap<string, readonly string[]>;
  const spans = new Map<string, Span>();
  for (const line of lines) {
    if (line.type === "started" && !spans.has(line.node)) {
      const { node } = line;
      const from = line.at - zero;
      spans.set(node, { ...{ node, from, to: last - zero, ended: "stopped" }, needs: needs.get(node) ?? [] });
    }
    if (line.type !== "finished" && line.type !== "failed") continue;
    const span = spans.get(line.node);
    // A temporary one is removed after it was made, which nothing waits for.
    if (span?.ended === "stopped") spans.set(line.node, { ...span, to: line.at - zero, ended: line.type });
  }
  return [...spans.values()].sort((a, b) => a.from - b.from);
}

function firstTime(lines: readonly Line[]): number {
  return lines.flatMap((line) => ("at" in line ? [line.at] : []))[0] ?? 0;
}

/** What the run's length came from: what ended last, before it that of its needs which ended last, and so on; the first first. */
export function criticalPath(spans: readonly Span[]): readonly string[] {
  const byNode = new Map(spans.map((span) => [span.node, span]));
  const path: string[] = [];
  for (let span = latest(spans); span !== undefined; ) {
    path.unshift(span.node);
    const { needs } = span;
    span = latest(needs.flatMap((need) => byNode.get(need) ?? []).filter(({ node }) => !path.includes(node)));
  }
  return path;
}

function latest(spans: readonly Span[]): Span | undefined {
  return spans.reduce<Span | undefined>((best, span) => (best && best.to >= span.to ? best : span), undefined);
}
