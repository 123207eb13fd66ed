import type { Fault } from "../../sandbox/faults.ts";
import type { Ran, Site } from "../environment/site.ts";
import { type Desk, type DeskOptions, deskAt, distinct, type Moment, pointsOf } from "./desk.ts";
import { differences, type Standing, standing } from "./world.ts";

export const REGION = "us-east-1";

/** Polls are rarer than a real run's, so that a case takes a tenth of a second; what is proven does not wait. */
const OVERSLEEP = 10;

/** What a lab starts with. */
export const FIRST = "";

/** From FIRST: more vCPUs (an update), another package (image, template and job definition anew), no image of its own any more (nodes dropped). */
export const CHANGED = `
compute: { maxVcpus: 288 }
machineImage: { packages: [htop] }
container: { image: public.ecr.aws/docker/library/busybox:1.36 }
`;

/** What somebody may want instead while neither has come to an end. */
export const OTHER = `
compute: { purchase: spot, maxVcpus: 72 }
container: { args: { BCL2FASTQ_CHANNEL: other } }
logs: { retentionDays: 30 }
`;

export type Command = (site: Site) => Promise<Ran | Awaited<ReturnType<Site["teardown"]>>>;

export const up =
  (yaml: string): Command =>
  (site) =>
    site.up(yaml);
export const bake: Command = (site) => site.bake(FIRST);
export const teardown: Command = (site) => site.teardown();

/** What goes on after the power came back; any of `should` may stand at the end. */
export interface Sequel {
  readonly name: string;
  readonly commands: readonly Command[];
  readonly should: readonly (readonly Standing[])[];
  /** The disk went with the power. */
  readonly manifestLost?: boolean;
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
  /** Of the cloud, before and after the cut. */
  readonly faults?: readonly Fault[];
  readonly pausesMs?: readonly number[];
  /** What else the power took. */
  readonly spoil?: (moment: Moment) => Moment;
}

/** Ends a run of the command at each of its points, and each time goes on with each of the sequels. */
export async function matrix(
  { from, command, sequels }: Scenario,
  { faults = [], pausesMs = PAUSES_MS, spoil = (moment) => moment }: Circumstances = {},
): Promise<Verdict> {
  const { points } = await pointsOf(from, { faults }, async (site) => demandDone(await command(site)));
  const states = distinct(points);
  const wrong: string[] = [];
  for (const [at, { where, moment }] of states.entries()) {
    for (const sequel of sequels) {
      const found = await after(spoil(moment), sequel, { faults, laterMs: pausesMs[at % pausesMs.length]! });
      if (found.length > 0) wrong.push([`${where}, then ${sequel.name}:`, ...found].join("\n  "));
    }
  }
  return { points: points.length, states: states.length, recoveries: states.length * sequels.length, wrong };
}

/** How long the power is away: a new run at once, one after most things have settled, one on another day. */
const PAUSES_MS = [0, 20 * 60_000, 26 * 3_600_000];

/** What is wrong after the sequel to one moment; nothing when all is well. */
async function after(
  moment: Moment,
  { commands, should, manifestLost }: Sequel,
  options: DeskOptions,
): Promise<readonly string[]> {
  const start = manifestLost ? { ...moment, manifest: undefined } : moment;
  const desk = deskAt(start, { ...options, region: REGION, oversleep: OVERSLEEP });
  const complaints: string[] = [];
  try {
    for (const command of commands) complaints.push(...complaintsOf(await command(desk.site)));
  } catch (error) {
    return [error instanceof Error ? (error.stack ?? error.message) : String(error)];
  }
  const [best = []] = should.map((one) => differences(desk.freeze(), one, REGION)).sort((a, b) => a.length - b.length);
  return [...complaints, ...best];
}

/** What a command said it could not do, or left. */
export function complaintsOf(result: Awaited<ReturnType<Command>>): string[] {
  const summary = "plan" in result ? result.summary : result;
  const left = (summary?.left ?? []).map((thing) => `left: ${typeof thing === "string" ? thing : thing.found.ref}`);
  return [...(summary?.failures ?? []).map(({ message }) => message), ...left];
}

export interface Straight {
  readonly moment: Moment;
  readonly stands: readonly Standing[];
}

/** A world brought to somewhere without any trouble, and what stands in it then. */
export async function straight(from: Moment | undefined, commands: readonly Command[], laterMs = 0): Promise<Straight> {
  const desk: Desk = deskAt(from, { region: REGION, oversleep: OVERSLEEP, laterMs });
  for (const command of commands) demandDone(await command(desk.site));
  const moment = desk.freeze();
  const stands = standing(moment.world, REGION);
  const wrong = differences(moment, stands, REGION);
  if (wrong.length > 0) throw new Error(`without any trouble: ${wrong.join("\n")}`);
  return { moment, stands };
}

/** One line for the log of a test run. */
export function inWords(what: string, { points, states, recoveries, wrong }: Verdict): string {
  const well = wrong.length === 0 ? "all well" : `${wrong.length} not well`;
  return `${what}: ${points} crash points, ${states} different states left behind, ${recoveries} recoveries, ${well}`;
}

function demandDone(result: Awaited<ReturnType<Command>>): void {
  const complaints = complaintsOf(result);
  if (complaints.length > 0) throw new Error(`without any trouble: ${complaints.join("; ")}`);
}
