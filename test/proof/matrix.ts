import type { Fault } from "../../sandbox/faults.ts";
import { type Command, complaintsOf, isDirect, OVERSLEEP, REGION } from "./commands.ts";
import { type DeskOptions, deskAt, distinct, type Moment, pointsOf } from "./desk.ts";
import { differences, type Standing } from "./world.ts";

/** What goes on after the power came back; any of `should` may stand at the end. */
export interface Sequel {
  readonly name: string;
  readonly command: Command;
  readonly should: readonly (readonly Standing[])[];
  /** The disk went with the power. */
  readonly manifestLost?: boolean;
  /** What is typed after it. */
  readonly next?: Sequel;
}

export interface Verdict {
  readonly points: number;
  readonly states: number;
  readonly recoveries: number;
  /** One for each case that did not end well: which, and what was wrong. */
  readonly wrong: readonly string[];
}

export interface Scenario {
  readonly from: Moment | undefined;
  /** What is cut short. */
  readonly command: Command;
  readonly sequels: readonly Sequel[];
}

export interface Circumstances {
  /** Of the cloud, before and after the cut; without them, what was just made is not in any list for a while. */
  readonly faults?: readonly Fault[];
  readonly pausesMs?: readonly number[];
  /** What else the power took. */
  readonly spoil?: (moment: Moment) => Moment;
}

/** Ends a run of the command at each of its points, and each time goes on with each of the sequels. */
export async function matrix(
  { from, command, sequels }: Scenario,
  { faults = LATE, pausesMs = PAUSES_MS, spoil = (moment) => moment }: Circumstances = {},
): Promise<Verdict> {
  const { points } = await pointsOf(from, { faults }, async (site) => {
    const complaints = await complaintsOf(command(site));
    if (complaints.length > 0) throw new Error(`without any trouble: ${complaints.join("; ")}`);
  });
  const states = distinct(points).filter((_state, at) => at % EVERY === 0);
  const wrong: string[] = [];
  for (const [at, { where, moment }] of states.entries()) {
    for (const [nth, sequel] of sequels.entries()) {
      const pauseMs = pausesMs[at % pausesMs.length]!;
      const nothingShows = sequel.manifestLost && from === undefined;
      const laterMs = nothingShows ? Math.max(pauseMs, AFTER_LOSS_MS) : pauseMs;
      for (const { name, found } of await after(spoil(moment), sequel, { faults, laterMs, direct: isDirect(at + nth) }))
        if (found.length > 0) wrong.push([`${where}, then ${name}:`, ...found].join("\n  "));
    }
  }
  const each = sequels.reduce((sum, { next }) => sum + (next ? 2 : 1), 0);
  return { points: points.length, states: states.length, recoveries: states.length * each, wrong };
}

const LATE: readonly Fault[] = [{ operation: "*", unseenMs: 40_000 }];

/** With the manifest lost and nothing in any list yet, nothing tells that there is something: whoever has lost it looks a little later. */
const AFTER_LOSS_MS = 120_000;

/** For a quick look: only every so many states. */
const EVERY = Number(process.env.EVERY ?? 1);

/** How long the power is away: a new run at once, one after most things have settled, one on another day. */
const PAUSES_MS = [0, 20 * 60_000, 26 * 3_600_000];

/** What is wrong after the sequel to one moment, and after what comes then: nothing when all is well. */
async function after(
  moment: Moment,
  { name, command, should, manifestLost, next }: Sequel,
  options: DeskOptions,
): Promise<readonly { readonly name: string; readonly found: readonly string[] }[]> {
  const start = manifestLost ? { ...moment, manifest: undefined } : moment;
  const desk = deskAt(start, { ...options, region: REGION, oversleep: OVERSLEEP });
  let complaints: readonly string[];
  try {
    complaints = await complaintsOf(command(desk.site));
  } catch (error) {
    return [{ name, found: [error instanceof Error ? (error.stack ?? error.message) : String(error)] }];
  }
  const end = desk.freeze();
  const [best = []] = should.map((one) => differences(end, one, REGION)).sort((a, b) => a.length - b.length);
  const further = next ? await after(end, next, { ...options, laterMs: 0 }) : [];
  return [{ name, found: [...complaints, ...best] }, ...further];
}

/** One line for the log of a test run. */
export function inWords(what: string, { points, states, recoveries, wrong }: Verdict): string {
  const well = wrong.length === 0 ? "all well" : `${wrong.length} not well`;
  return `${what}: ${points} crash points, ${states} different states left behind, ${recoveries} recoveries, ${well}`;
}
