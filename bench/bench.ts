import { readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { table } from "../src/ui/table.ts";
import { type Stretch, upOnEmptyRegion } from "./empty-region.ts";
import { median } from "./median.ts";
import { startupRatios, upTwice } from "./processes.ts";

interface Figure {
  readonly figure: string;
  readonly value: number;
  readonly unit: "" | "s" | "MiB" | "calls";
  /** The most it may be; without one it is only told. */
  readonly bound?: number;
}

const SEEDS = 10;
const PAIRS = 25;
const WARM_UPS = 5;
const SPEED = 2_000;

const { values: flags } = parseArgs({ options: { json: { type: "boolean", default: false } } });
refuseStaleBuild();

const stretches: Stretch[] = [];
for (let seed = 1; seed <= SEEDS; seed++) stretches.push(await upOnEmptyRegion(seed));
const worst = stretches.reduce((most, one) => (one.ratio > most.ratio ? one : most));
const figures = [...stretchFigures(), ...(await startupFigures()), ...(await processFigures())];
const broken = figures.filter((figure) => !isWithin(figure));

if (flags.json) {
  const told = figures.map((figure) => ({ ...figure, ok: isWithin(figure) }));
  process.stdout.write(`${JSON.stringify({ figures: told, stretches, ok: broken.length === 0 }, undefined, 2)}\n`);
} else {
  process.stdout.write(`${[...figureLines(), "", ...worstLines()].join("\n")}\n`);
}
process.exitCode = broken.length === 0 ? 0 : 1;

/** The largest of all worlds is held to the bound, not the middle one. */
function stretchFigures(): Figure[] {
  const ratios = stretches.map(({ ratio }) => ratio);
  const figure = `up against its longest chain, ${SEEDS} worlds`;
  return [
    { figure: `${figure}: least`, value: Math.min(...ratios), unit: "" },
    { figure: `${figure}: median`, value: median(ratios), unit: "" },
    { figure: `${figure}: most`, value: worst.ratio, unit: "", bound: 1.05 },
  ];
}

async function startupFigures(): Promise<Figure[]> {
  const ratio = median(await startupRatios(PAIRS, WARM_UPS));
  return [{ figure: `--version against node -e 0, ${PAIRS} pairs: median`, value: ratio, unit: "", bound: 1.5 }];
}

async function processFigures(): Promise<Figure[]> {
  const { first, second } = await upTwice(SPEED);
  const name = `up --sandbox --speed ${SPEED}`;
  return [
    { figure: `${name}: wall time`, value: first.wallMs / 1_000, unit: "s" },
    { figure: `${name}: peak memory`, value: first.peakMiB, unit: "MiB" },
    { figure: "second up: wall time", value: second.wallMs / 1_000, unit: "s" },
    { figure: "second up: peak memory", value: second.peakMiB, unit: "MiB" },
    { figure: "second up: calls", value: second.calls, unit: "calls", bound: 36 },
  ];
}

function isWithin({ value, bound }: Figure): boolean {
  return bound === undefined || value <= bound;
}

function figureLines(): readonly string[] {
  const rows = figures.map((figure) => {
    const { value, unit, bound } = figure;
    const digits = { "": 3, s: 2, MiB: 1, calls: 0 }[unit];
    const ok = bound === undefined ? "" : isWithin(figure) ? "yes" : "NO";
    return [figure.figure, `${value.toFixed(digits)} ${unit}`.trimEnd(), bound === undefined ? "" : `${bound}`, ok];
  });
  return table([["figure", "value", "at most", "ok"], ...rows]).flat();
}

function worstLines(): readonly string[] {
  const { seed, tookMs, chain } = worst;
  const seconds = (ms: number) => (ms / 1_000).toFixed(1);
  const links = chain.links.map(({ what, ms, lateMs }) => [what, seconds(ms), seconds(lateMs)]);
  const lateMs = chain.links.reduce((sum, link) => sum + link.lateMs, 0);
  const after = ["the end, noticed", "", seconds(tookMs - chain.ms - lateMs)];
  const total = ["together", seconds(chain.ms), seconds(tookMs - chain.ms)];
  return [
    `the longest chain of world ${seed}, in seconds of its time:`,
    ...table([["", "AWS", "asked late"], ...links, after, total]).flat(),
  ];
}

/** Whole processes are measured as built, and an old build would tell of other code. */
function refuseStaleBuild(): void {
  const root = resolve(import.meta.dirname, "..");
  const builtAt = statSync(join(root, "dist/bootstrap.js"), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const newer = ["src", "sandbox"]
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((file) => join(folder, file)),
    )
    .find((file) => file.endsWith(".ts") && statSync(join(root, file)).mtimeMs > builtAt);
  if (newer === undefined) return;
  process.stderr.write(`${newer} is newer than the build: run npm run build first\n`);
  process.exit(2);
}
