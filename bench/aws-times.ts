import type { SandboxClock } from "../sandbox/clock.ts";
import type { BatchState } from "../sandbox/services/batch/state.ts";
import type { Ec2Slice } from "../sandbox/services/ec2/slice.ts";
import type { FsxState } from "../sandbox/services/fsx/state.ts";
import type { IamState } from "../sandbox/services/iam/state.ts";
import type { SsmState } from "../sandbox/services/ssm/state.ts";
import { MemoryStore, type World } from "../sandbox/world.ts";

/** From when something was asked of AWS until AWS had it ready; virtual milliseconds since the epoch. */
export interface Span {
  readonly askedAt: number;
  readonly readyAt: number;
}

/** What AWS took for one thing. A thing has only the spans that its kind knows. */
export interface Times {
  /** Made and visible, or at work. */
  readonly made?: Span;
  /** What was added to it afterwards is known to whoever checks it: a group's rules to FSx, a profile's role to EC2. */
  readonly spread?: Span;
  readonly gone?: Span;
  /** Of a machine that is imaged. */
  readonly stopped?: Span;
}

/** A world in memory that notes, after each request, what AWS is going to have ready and when; nobody asks it anything. */
export class WatchedStore extends MemoryStore {
  /** By the thing's id, name or ARN. */
  readonly times = new Map<string, Times>();
  readonly #clock: Pick<SandboxClock, "now">;
  readonly #region: string;

  constructor(world: World, clock: Pick<SandboxClock, "now">, region: string) {
    super(world);
    this.#clock = clock;
    this.#region = region;
  }

  override async exclusively<T>(use: (world: World) => { readonly changed: boolean; readonly result: T }): Promise<T> {
    const result = await super.exclusively(use);
    this.#watchEc2();
    this.#watchSsm();
    this.#watchFsx();
    this.#watchBatch();
    this.#watchIam();
    return result;
  }

  #watchEc2(): void {
    const ec2 = this.#read<Ec2Slice>("ec2");
    for (const { id, visibleFrom } of Object.values(ec2?.groups ?? {})) this.#firstSeen(id, visibleFrom);
    for (const { id, visibleFrom } of Object.values(ec2?.templates ?? {})) this.#firstSeen(id, visibleFrom);
    for (const { groupId, addedAt, visibleFrom } of Object.values(ec2?.rules ?? {})) {
      const last = this.times.get(groupId)?.spread;
      if (visibleFrom > (last?.readyAt ?? 0))
        this.#note(groupId, { spread: { askedAt: addedAt, readyAt: visibleFrom } });
    }
    for (const { id, createdAt, nextAt } of Object.values(ec2?.images ?? {})) {
      if (nextAt !== undefined) this.#note(id, { made: { askedAt: createdAt, readyAt: nextAt } });
    }
    for (const { id, state, nextAt } of Object.values(ec2?.instances ?? {})) {
      if (state === "stopping" && !this.times.get(id)?.stopped) {
        this.#note(id, { stopped: { askedAt: this.#clock.now(), readyAt: nextAt! } });
      }
      if (state !== "shutting-down" || this.times.get(id)?.gone) continue;
      this.#note(id, { gone: { askedAt: this.#clock.now(), readyAt: nextAt! } });
    }
  }

  #watchSsm(): void {
    const { agents = {}, commands = {} } = this.#read<SsmState>("ssm") ?? {};
    const instances = this.#read<Ec2Slice>("ec2")?.instances ?? {};
    for (const [id, { onlineFrom }] of Object.entries(agents)) {
      const askedAt = instances[id]?.launchedAt;
      if (onlineFrom !== undefined && askedAt !== undefined) this.#note(id, { made: { askedAt, readyAt: onlineFrom } });
    }
    for (const { id, requestedAt, invocations } of Object.values(commands)) {
      const readyAt = Math.max(...invocations.map(({ endsAt }) => endsAt));
      this.#note(id, { made: { askedAt: requestedAt, readyAt } });
    }
  }

  #watchFsx(): void {
    for (const { id, createdAt, lifecycle, nextAt } of Object.values(this.#read<FsxState>("fsx")?.fileSystems ?? {})) {
      if (lifecycle === "CREATING" && nextAt !== undefined) {
        this.#note(id, { made: { askedAt: createdAt, readyAt: nextAt } });
      }
    }
  }

  #watchBatch(): void {
    const { environments = {}, queues = {} } = this.#read<BatchState>("batch") ?? {};
    for (const { arn, createdAt, status, nextAt } of [...Object.values(environments), ...Object.values(queues)]) {
      if (status === "CREATING" && nextAt !== undefined) {
        this.#note(arn, { made: { askedAt: createdAt, readyAt: nextAt } });
      }
    }
  }

  #watchIam(): void {
    const partitions = this.#read<Record<string, IamState>>("iam", "global") ?? {};
    for (const { roles, profiles } of Object.values(partitions)) {
      for (const { name, createdAt, visibleFrom } of [...Object.values(roles), ...Object.values(profiles)]) {
        this.#note(name, { made: { askedAt: createdAt, readyAt: visibleFrom } });
      }
      for (const { name, role, usableFrom } of Object.values(profiles)) {
        if (role === undefined || this.times.get(name)?.spread?.readyAt === usableFrom) continue;
        this.#note(name, { spread: { askedAt: this.#clock.now(), readyAt: usableFrom } });
      }
    }
  }

  #firstSeen(id: string, readyAt: number): void {
    if (!this.times.has(id)) this.#note(id, { made: { askedAt: this.#clock.now(), readyAt } });
  }

  #note(id: string, times: Times): void {
    this.times.set(id, { ...this.times.get(id), ...times });
  }

  #read<T extends object>(service: string, where = this.#region): T | undefined {
    if (!this.world.has(service, where)) return undefined;
    return this.world.slice<T>(service, where, () => ({}) as T);
  }
}
