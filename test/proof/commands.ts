import { BootstrapError } from "../../src/engine/errors.ts";
import type { Event } from "../../src/engine/events.ts";
import type { Ran, Site } from "../environment/site.ts";
import { deskAt, type Moment } from "./desk.ts";
import { differences, type Standing, standing } from "./world.ts";

export const REGION = "us-east-1";

/** Polls are so many times rarer than a real run's: what is proven does not wait. */
export const OVERSLEEP = 10;

/** Of many recoveries, one in so many goes in the bytes of AWS's wire; the others go without. */
const WIRE = Number(process.env.WIRE ?? 10);

export const isDirect = (nth: number): boolean => nth % WIRE !== 0;

export const MONTH_MS = 30 * 24 * 3_600_000;

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

type Result = Ran | Awaited<ReturnType<Site["teardown"]>>;

/** What somebody types. */
export type Command = (site: Site) => Promise<Result>;

export const up =
  (yaml: string): Command =>
  (site) =>
    site.up(yaml);
export const bake: Command = (site) => site.bake(FIRST);
export const teardown: Command = (site) => site.teardown();

export interface Outcome {
  readonly failures: readonly BootstrapError[];
  readonly events: readonly Event[];
  /** What `up` names at its end as left alone; after `teardown`, what is still there. */
  readonly left: readonly string[];
}

/** What a person would see of a run: everything that went wrong, in words. What nobody foresaw is thrown on. */
export async function outcomeOf(work: Promise<Result>): Promise<Outcome> {
  try {
    const done = await work;
    if (!("plan" in done))
      return { failures: done.failures, events: [], left: done.left.map(({ found }) => found.ref) };
    const { failures = [], left = [] } = done.summary ?? {};
    return { failures, events: done.events, left };
  } catch (error) {
    const failures: unknown[] = error instanceof AggregateError ? error.errors : [error];
    if (!failures.every((failure) => failure instanceof BootstrapError)) throw error;
    return { failures, events: [], left: [] };
  }
}

/** What a run said it could not do, or left; nothing when all was done. */
export async function complaintsOf(work: Promise<Result>): Promise<string[]> {
  const { failures, left } = await outcomeOf(work);
  return [...failures.map(({ message }) => message), ...left.map((thing) => `left: ${thing}`)];
}

/** Of the calls that AWS did, those that make something. */
export function makes(writes: readonly string[]): readonly string[] {
  return writes.filter((write) => /^(Create|Run|Register|Send)/.test(write));
}

export interface Straight {
  readonly moment: Moment;
  readonly stands: readonly Standing[];
}

/** A world brought to somewhere without any trouble, and what stands in it then. */
export async function straight(from: Moment | undefined, commands: readonly Command[], laterMs = 0): Promise<Straight> {
  const desk = deskAt(from, { region: REGION, oversleep: OVERSLEEP, laterMs });
  for (const command of commands) {
    const complaints = await complaintsOf(command(desk.site));
    if (complaints.length > 0) throw new Error(`without any trouble: ${complaints.join("; ")}`);
  }
  const moment = desk.freeze();
  const stands = standing(moment.world, REGION);
  const wrong = differences(moment, stands, REGION);
  if (wrong.length > 0) throw new Error(`without any trouble: ${wrong.join("\n")}`);
  return { moment, stands };
}

let first: Promise<Straight> | undefined;

/** The first `up` of all, brought up once, whoever asks. */
export function theFirst(): Promise<Straight> {
  first ??= straight(undefined, [up(FIRST)]);
  return first;
}

let unfinished: Promise<Moment> | undefined;

/** The first `up`, with all done but the file system and what waits for it: what a process is then watched at is short. */
export function almostTheFirst(): Promise<Moment> {
  unfinished ??= (async () => {
    const faults = [{ operation: "CreateFileSystem", error: { code: "ServiceLimitExceeded" } }];
    const desk = deskAt(undefined, { region: REGION, oversleep: OVERSLEEP, faults });
    const { failures } = await outcomeOf(up(FIRST)(desk.site));
    if (!failures.some(({ message }) => message.includes("ServiceLimitExceeded")))
      throw new Error("it was not refused");
    return desk.freeze();
  })();
  return unfinished;
}
