import type { CallRecord } from "../../sandbox/calls.ts";
import type { Fault } from "../../sandbox/faults.ts";
import { MemoryStore, World, type Store as WorldStore } from "../../sandbox/world.ts";
import type { Store } from "../../src/engine/manifest/manifest.ts";
import { Site } from "../environment/site.ts";
import { type LabOptions, lab } from "../steps/harness.ts";

/** Everything that outlives a power cut: the cloud, and the disk of the one who worked. */
export interface Moment {
  /** As the sandbox writes it down. */
  readonly world: string;
  readonly manifest: string | undefined;
  readonly backup: string | undefined;
  /** Virtual milliseconds since the epoch. */
  readonly now: number;
}

export interface DeskOptions {
  readonly region?: string;
  /** Polls are so many times rarer than a real run's. */
  readonly oversleep?: number;
  /** The moment goes on so much later. */
  readonly laterMs?: number;
  readonly faults?: readonly Fault[];
  /** Told before a write, between the new file and its new name, and after. */
  readonly onWrite?: (stage: "before" | "between" | "after") => void | Promise<void>;
  /** Whether calls go without their bytes where these do not matter. */
  readonly direct?: boolean;
  /** Stands between the sandbox and the clients. */
  readonly front?: NonNullable<LabOptions["front"]>;
  /** Told of each call: the world before it, and what it was. */
  readonly onCall?: (call: CallRecord, before: string) => void;
  /** Before the world is changed by a call, and after, before the call is answered. */
  readonly onReach?: () => void | Promise<void>;
}

/** A site on a machine whose power may go: it can be frozen at any moment, and set up again from there. */
export interface Desk {
  readonly site: Site;
  freeze(): Moment;
}

export function deskAt(moment: Moment | undefined, options: DeskOptions = {}): Desk {
  const { region = "us-east-1", laterMs = 0, onWrite = () => {}, onCall = () => {} } = options;
  let world: World | undefined;
  let before = "";
  const keeper = (kept: World): WorldStore => {
    const memory = new MemoryStore(kept);
    world = kept;
    if (options.onCall) {
      return {
        exclusively(use) {
          before = kept.toText();
          return memory.exclusively(use);
        },
      };
    }
    const { onReach } = options;
    if (!onReach) return memory;
    return {
      async exclusively(use) {
        await onReach();
        const result = await memory.exclusively(use);
        await onReach();
        return result;
      },
    };
  };
  const where = lab(region, {
    keeper,
    oversleep: options.oversleep ?? 10,
    direct: options.direct ?? false,
    ...(options.front && { front: options.front }),
    onCall: (call) => onCall(call, before),
    ...(moment && { world: World.parse(moment.world), startMs: moment.now + laterMs }),
  });
  where.faults.push(...(options.faults ?? []));
  const disk = diskOf(moment, onWrite);
  const site = new Site(region, where);
  site.store = disk;
  return {
    site,
    freeze: () => ({ world: world!.toText(), manifest: disk.text, backup: disk.backup, now: where.clock.now() }),
  };
}

/** The manifest on a disk that makes the same three moves as the real one. */
function diskOf(moment: Moment | undefined, onWrite: NonNullable<DeskOptions["onWrite"]>) {
  const disk: Store & { text: string | undefined; backup: string | undefined; readonly writes: string[] } = {
    path: "memory.json",
    backupPath: "memory.json.backup",
    text: moment?.manifest,
    backup: moment?.backup,
    writes: [],
    async read() {
      return disk.text;
    },
    async write(next) {
      await onWrite("before");
      disk.backup = disk.text ?? disk.backup;
      await onWrite("between");
      disk.text = next;
      await onWrite("after");
    },
    async remove() {
      await onWrite("before");
      disk.backup = disk.text ?? disk.backup;
      disk.text = undefined;
      await onWrite("after");
    },
  };
  return disk;
}

/** A moment at which the power goes. */
export interface Point {
  readonly where: string;
  readonly moment: Moment;
}

/**
 * Runs once, and takes down every moment at which a power cut could make a difference: before and after each mutating
 * call, around each write of the manifest, and at the first read after each of these. A run that ends there leaves
 * exactly this: what is in flight then has been taken down as having had its effect, and as not having had it.
 */
export async function pointsOf(
  from: Moment | undefined,
  options: Pick<DeskOptions, "faults">,
  doing: (site: Site) => Promise<unknown>,
): Promise<{ readonly points: readonly Point[]; readonly end: Moment }> {
  const points: Point[] = [];
  let last: string | undefined;
  const mark = (where: string, moment = desk.freeze()) => {
    points.push({ where, moment });
    last = where;
  };
  const counts = new Map<string, number>();
  const numbered = (what: string) => {
    const count = (counts.get(what) ?? 0) + 1;
    counts.set(what, count);
    return `${what} ${count}`;
  };
  let write = "";
  const desk = deskAt(from, {
    ...options,
    oversleep: 1,
    onWrite(stage) {
      if (stage === "before") write = numbered("manifest write");
      mark(`${stage} ${write}`);
    },
    onCall({ operation, kind }, world) {
      if (kind === "write") {
        const call = numbered(operation);
        mark(`before ${call}`, { ...desk.freeze(), world });
        mark(`after ${call}`);
      } else if (last !== undefined) {
        points.push({ where: `${operation} after ${last}`, moment: desk.freeze() });
        last = undefined;
      }
    },
  });
  await doing(desk.site);
  return { points, end: desk.freeze() };
}

/** Points that left the same behind are proven by one of them. */
export function distinct(points: readonly Point[]): readonly (Point & { readonly alike: number })[] {
  const byState = new Map<string, Point & { readonly alike: number }>();
  for (const point of points) {
    const { world, manifest } = point.moment;
    const key = `${world}\n${manifest}`;
    const first = byState.get(key);
    byState.set(key, first ? { ...first, alike: first.alike + 1 } : { ...point, alike: 1 });
  }
  return [...byState.values()];
}

/** Runs until the power goes, at the so-manieth moment at which that can matter, or to the end. Answers what is left then. */
export async function untilCut<T>(
  from: Moment | undefined,
  options: DeskOptions,
  countdown: number,
  doing: (site: Site) => Promise<T>,
): Promise<{ readonly moment: Moment; readonly done?: T }> {
  const dark = new Promise<never>(() => {});
  return new Promise((resolve, reject) => {
    let left = countdown;
    const tick = async () => {
      left -= 1;
      if (left === 0) resolve({ moment: desk.freeze() });
      if (left <= 0) await dark;
    };
    const desk = deskAt(from, { ...options, onWrite: tick, onReach: tick });
    doing(desk.site).then((done) => resolve({ moment: desk.freeze(), done }), reject);
  });
}
