import type { JobStatus } from "@aws-sdk/client-batch";
import { MINUTE_MS, NEVER } from "../../lifecycle.ts";
import type { Call } from "../../service.ts";
import type { Table } from "../../world.ts";
import { askedOf, batchState, isTerminal, type JobState, jobsOf } from "./state.ts";

const KEPT_MS = 7 * 24 * 60 * MINUTE_MS;

/** Jobs of one queue that need the same, first come first: what keeps the first waiting keeps them all. */
export interface Line {
  readonly ids: readonly string[];
  /** Those that came since the line was last told why it waits. */
  readonly fresh: Set<string>;
  reason: string | undefined;
}

/** What is found out about all jobs, kept up as they change: no request looks at every one of them. */
export interface JobIndex {
  /** When the next job is due. */
  earliest(): number;
  /** Those that are due, once each. */
  takeDue(now: number): readonly string[];
  linesOf(queueArn: string): readonly Line[];
  /** Those that have not ended and have that instance. */
  on(instanceId: string): readonly string[];
  /** Jobs that are PENDING, or were, and whose turn may have come since this was last asked. */
  takeReleased(): readonly string[];
  /** How many children of an array there are of each status. */
  childrenOf(parentId: string): Readonly<Record<JobStatus, number>>;
}

const indexes = new WeakMap<Table<JobState>, Index>();

export function jobIndex(call: Call): JobIndex {
  const table = jobsOf(call);
  let index = indexes.get(table);
  if (index === undefined) {
    index = new Index();
    indexes.set(table, index);
    for (const { id } of table.all()) index.note(call, id, table.look(id));
  }
  for (const id of table.news()) index.note(call, id, table.look(id));
  return index;
}

/** A queue's time limits are part of when its jobs are due. */
export function noteLimits(call: Call): void {
  indexes.delete(jobsOf(call));
}

/** When a job's queue takes it out for standing RUNNABLE too long, and in which words. */
export function limitOf(call: Call, job: Readonly<JobState>): { at: number; reason: string } | undefined {
  const { blockedSince, statusReason, status, queueArn } = job;
  if (status !== "RUNNABLE" || blockedSince === undefined || statusReason === undefined) return undefined;
  const limits = Object.values(batchState(call).queues).find(({ arn }) => arn === queueArn)?.limits ?? [];
  const limit = limits.find(({ reason }) => statusReason.startsWith(reason ?? " "));
  return limit && { at: blockedSince + limit.maxTimeSeconds! * 1000, reason: limit.reason! };
}

/** The ids of the jobs that a job waits for. */
export function awaitedBy(call: Call, job: Readonly<JobState>): readonly string[] {
  return (askedOf(call, job).dependsOn ?? []).flatMap(({ jobId = "", type }) => {
    if (type === "SEQUENTIAL") return job.arrayIndex ? [`${job.parentId}:${job.arrayIndex - 1}`] : [];
    return type === "N_TO_N" && job.arrayIndex !== undefined ? [`${jobId}:${job.arrayIndex}`] : [jobId];
  });
}

/** Ended more than a week ago. */
export function isForgotten({ now }: Call, job: Readonly<JobState>): boolean {
  return isTerminal(job) && job.stoppedAt !== undefined && job.stoppedAt + KEPT_MS <= now;
}

/** A job as it was last noted. */
interface Noted {
  readonly status: JobStatus;
  readonly dueAt: number;
  readonly queueArn: string;
  readonly shape: string | undefined;
  readonly place: Place;
  readonly instanceId: string | undefined;
  readonly parentId: string | undefined;
}

type Place = readonly [createdAt: number, arrayIndex: number, arrival: number];

interface OwnLine extends Line {
  readonly ids: string[];
}

class Index implements JobIndex {
  readonly #noted = new Map<string, Noted>();
  readonly #moments = new Moments();
  readonly #lines = new Map<string, Map<string, OwnLine>>();
  readonly #onInstance = new Map<string, Set<string>>();
  readonly #waiters = new Map<string, Set<string>>();
  readonly #children = new Map<string, Record<JobStatus, number>>();
  #released = new Set<string>();
  #arrivals = 0;

  earliest(): number {
    for (;;) {
      const first = this.#moments.first();
      if (first === undefined) return NEVER;
      if (this.#noted.get(first.id)?.dueAt === first.at) return first.at;
      this.#moments.drop();
    }
  }

  takeDue(now: number): readonly string[] {
    const ids: string[] = [];
    while (this.earliest() <= now) {
      const { id } = this.#moments.first()!;
      ids.push(id);
      this.#noted.set(id, { ...this.#noted.get(id)!, dueAt: NEVER });
    }
    return ids;
  }

  linesOf(queueArn: string): readonly Line[] {
    const first = ({ ids }: Line) => this.#placeOf(ids[0]!);
    return [...(this.#lines.get(queueArn)?.values() ?? [])].sort((a, b) => compare(first(a), first(b)));
  }

  on(instanceId: string): readonly string[] {
    return [...(this.#onInstance.get(instanceId) ?? [])];
  }

  takeReleased(): readonly string[] {
    const ids = [...this.#released];
    this.#released = new Set();
    return ids;
  }

  childrenOf(parentId: string): Readonly<Record<JobStatus, number>> {
    return this.#children.get(parentId) ?? noChildren();
  }

  note(call: Call, id: string, job: Readonly<JobState> | undefined): void {
    const before = this.#noted.get(id);
    const after = job && notedOf(call, job, before?.place[2] ?? this.#arrivals++);
    if (before?.shape !== undefined && before.shape !== after?.shape) this.#leave(before, id);
    if (after === undefined) this.#noted.delete(id);
    else this.#noted.set(id, after);
    if (after?.shape !== undefined && before?.shape !== after.shape) this.#join(after, id);
    if (after !== undefined && after.dueAt !== NEVER && after.dueAt !== before?.dueAt) {
      this.#moments.add({ at: after.dueAt, id });
    }
    if (before?.instanceId !== after?.instanceId) {
      if (before?.instanceId !== undefined) this.#onInstance.get(before.instanceId)?.delete(id);
      if (after?.instanceId !== undefined) setAt(this.#onInstance, after.instanceId).add(id);
    }
    if (before?.status !== after?.status) {
      this.#count(before, -1);
      this.#count(after, 1);
      // Whoever waits for it is looked at again.
      for (const waiter of this.#waiters.get(id) ?? []) this.#released.add(waiter);
      if (job === undefined || isTerminal(job)) this.#waiters.delete(id);
    }
    if (job?.status === "PENDING" && job.nextAt === undefined) {
      this.#released.add(id);
      if (job.arraySize === undefined) for (const other of awaitedIds(call, job)) setAt(this.#waiters, other).add(id);
    }
  }

  #count(noted: Noted | undefined, by: number): void {
    if (noted?.parentId === undefined) return;
    const counts = this.#children.get(noted.parentId) ?? noChildren();
    counts[noted.status] += by;
    if (Object.values(counts).some((count) => count > 0)) this.#children.set(noted.parentId, counts);
    else this.#children.delete(noted.parentId);
    this.#released.add(noted.parentId);
  }

  #join({ queueArn, shape = "", place }: Noted, id: string): void {
    const lines = this.#lines.get(queueArn) ?? new Map<string, OwnLine>();
    this.#lines.set(queueArn, lines);
    const line = lines.get(shape) ?? { ids: [], fresh: new Set(), reason: undefined };
    lines.set(shape, line);
    line.ids.splice(this.#indexIn(line, place), 0, id);
    line.fresh.add(id);
  }

  #leave({ queueArn, shape = "", place }: Noted, id: string): void {
    const lines = this.#lines.get(queueArn)!;
    const line = lines.get(shape)!;
    line.ids.splice(this.#indexIn(line, place), 1);
    line.fresh.delete(id);
    if (line.ids.length === 0) lines.delete(shape);
  }

  /** Where a job stands in a line, or would. */
  #indexIn({ ids }: Line, place: Place): number {
    let [from, to] = [0, ids.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (compare(this.#placeOf(ids[middle]!), place) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  #placeOf(id: string): Place {
    return this.#noted.get(id)!.place;
  }
}

function notedOf(call: Call, job: Readonly<JobState>, arrival: number): Noted {
  const { status, queueArn, node, parentId, createdAt, arrayIndex = 0, stoppedAt } = job;
  const ended = isTerminal(job);
  const endAt = ended && stoppedAt !== undefined ? stoppedAt + KEPT_MS : NEVER;
  return {
    status,
    dueAt: Math.min(job.nextAt ?? NEVER, limitOf(call, job)?.at ?? NEVER, endAt),
    queueArn,
    shape: status === "RUNNABLE" && node === undefined ? shapeOf(job) : undefined,
    place: [createdAt, arrayIndex, arrival],
    instanceId: ended ? undefined : node?.instanceId,
    parentId,
  };
}

function shapeOf({ id, vCpus, memoryMiB, gpus, fate }: Readonly<JobState>): string {
  return `${vCpus} ${memoryMiB} ${gpus} ${fate?.kind === "capacity" ? id : ""}`;
}

/** A child waits for its parent to be taken in, too. */
function awaitedIds(call: Call, job: Readonly<JobState>): readonly string[] {
  return [job.parentId ?? [], awaitedBy(call, job)].flat();
}

function compare(one: Place, other: Place): number {
  return one[0] - other[0] || one[1] - other[1] || one[2] - other[2];
}

function setAt(sets: Map<string, Set<string>>, key: string): Set<string> {
  const set = sets.get(key) ?? new Set();
  sets.set(key, set);
  return set;
}

function noChildren(): Record<JobStatus, number> {
  return { SUBMITTED: 0, PENDING: 0, RUNNABLE: 0, STARTING: 0, RUNNING: 0, SUCCEEDED: 0, FAILED: 0 };
}

interface Moment {
  readonly at: number;
  readonly id: string;
}

/** A heap, the earliest first. */
class Moments {
  readonly #heap: Moment[] = [];

  first(): Moment | undefined {
    return this.#heap[0];
  }

  add(moment: Moment): void {
    const heap = this.#heap;
    let at = heap.push(moment) - 1;
    for (let above = (at - 1) >> 1; at > 0 && heap[above]!.at > moment.at; above = (at - 1) >> 1) {
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = moment;
  }

  drop(): void {
    const heap = this.#heap;
    const moment = heap.pop();
    if (moment === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && heap[below + 1]!.at < heap[below]!.at) below += 1;
      if (heap[below]!.at >= moment.at) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = moment;
  }
}
