/** The page to read first: what a step is, and what the engine promises to it. */

/**
 * pending: AWS is at work on it, or has not said that it is done. ready: it can be used, once it has no drift either.
 * failed: it will not become ready by itself: AWS gave up, or took it out of service. It is then made anew, or repaired by
 * `update` where the kind `repairsFailed`, or refused where it may hold data. deleting: on its way out, whoever asked.
 */
export type State = "pending" | "ready" | "failed" | "deleting";

/** One field the step sets whose live value differs from the wanted one, after normalising both. */
export interface Drift {
  readonly field: string;
  readonly want: string;
  readonly have: string;
  /** Mending it replaces running machines, or may be against another's will: `up` only reports it, `up --repair` mends it. */
  readonly disruptive?: true;
  /** Why it cannot be mended, at all or as things are: such a change is refused. */
  readonly never?: string;
  /** Of one that cannot be mended as things are: what to do first. */
  readonly first?: string;
  /** What mending it means for those at work: `up` asks first. */
  readonly asks?: string;
  /** This very change was asked for, and AWS gave up on it: it is said, and not asked for again until `up --repair`. */
  readonly failed?: Failure;
}

/** How a change ended that AWS could not make. */
export interface Failure {
  /** AWS's own words. */
  readonly reason: string;
  /** When it was asked for: tells it from the next attempt. */
  readonly at?: Date | undefined;
}

/** One thing in the cloud that carries a node's tags, as `find` saw it just now. */
export interface Found<O = unknown> {
  /** AWS's id or ARN. */
  readonly ref: string;
  /** The node it was made for, from its tags. */
  readonly node: string;
  readonly state: State;
  /** Environment, region and node tags all match; a same-named thing without them is not ours. */
  readonly owned: boolean;
  /** Of one that is not owned, the exact command: where it is `known`, to give its tags back; else to be rid of it. */
  readonly hint?: string | undefined;
  /** Which inputs it was made from. */
  readonly fingerprint?: string | undefined;
  /** Of the part that cannot be changed in place. */
  readonly fixedFingerprint?: string | undefined;
  /** The last eight characters of the token that made it, where the thing carries them. */
  readonly token?: string | undefined;
  readonly createdAt?: Date | undefined;
  /** AWS's own word: CREATING, or the reason it failed. */
  readonly detail?: string | undefined;
  /** Pending only because AWS's word for its state is not known to us: not waited for as long as one that is at work. */
  readonly unsure?: true;
  /** Complete when ready. */
  readonly output?: O | undefined;
  readonly drift?: readonly Drift[] | undefined;
}

/** What the manifest knows of a thing that its tags should say. */
export interface Known {
  readonly node: string;
  readonly fingerprint: string;
  readonly fixedFingerprint?: string | undefined;
}

/**
 * What `find` and `destroy` may rely on: name and region are enough, no config and no manifest. `find` is asked in three
 * ways. With inputs (and node): this node's things, with their drift, and what has its name without our tags, as not
 * owned. With a node alone: the same without drift. With neither: every node of the environment.
 */
export interface FindContext<I, Cloud> {
  /** The environment's name. */
  readonly name: string;
  readonly region: string;
  /** The node to look for; undefined asks for the whole kind, whatever the node. */
  readonly node?: string | undefined;
  /** By the refs that the manifest has: what is shown under one of them is ours, even if its tags were taken. */
  readonly known?: Readonly<Record<string, Known>>;
  /** Known only when everything the node needs is there; only then can drift be told. */
  readonly inputs?: I | undefined;
  readonly cloud: Cloud;
  /** For verbs of many calls: when the run is stopped, no further one is begun. */
  readonly signal?: AbortSignal;
  /** Told, by a look at a whole kind, of a list that AWS refused; what is known by name is answered all the same. */
  unlisted?(cause: unknown): void;
}

export interface StepContext<I, Cloud> extends FindContext<I, Cloud> {
  readonly node: string;
  readonly inputs: I;
  readonly fingerprint: string;
  readonly fixedFingerprint: string;
  /** Fresh for each attempt, on disk before the call; the client token, and the tail of unique names. */
  readonly token: string;
  /** The user's own, for what is made. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** When this attempt began. */
  readonly now: Date;
  /** For waiting and for builds; never handed to a mutating call. */
  readonly signal: AbortSignal;
  /** One line for the person watching. */
  note(text: string): void;
}

export interface CreateContext<I, T, Cloud> extends StepContext<I, Cloud> {
  /** Outputs of the node's temporary nodes, by node id. */
  readonly temporaries: T;
}

/** How often the engine asks, in milliseconds: first when the thing is expected, then every so often. */
export interface Pace {
  readonly expectMs: number;
  readonly everyMs: number;
  /**
   * Of what is pending, from the moment this run begins to wait: after the answer to `create`, or before the first
   * `update`. A run that goes on waiting for what an earlier one began counts anew. Nothing is removed when it is over.
   */
  readonly timeoutMs: number;
  /** How long its create may be told that it is only early; without it: three minutes. */
  readonly earlyMs?: number;
  /** A thing that is still pending after so long is told to `wake`, once in a run. */
  readonly wakeMs?: number;
  /** Of its removal; without it: the same. */
  readonly removeTimeoutMs?: number;
}

/** Lines a running thing has said since `cursor`; hand `cursor` back on the next call. */
export interface Tail {
  readonly lines: readonly string[];
  readonly cursor: string | undefined;
}

/**
 * How many things of a kind one node can have, by what they are called. token: a name or a request of each attempt's own,
 * so that a new one can stand beside the one it replaces. fixed: one name that can be had only once, so that it cannot be
 * replaced by a second one. versioned: one name, and a change makes a new version beside the old ones, which is nothing to
 * ask about. shared: the account's, not ours (service-linked roles): adopted without tags, never destroyed.
 */
export type Naming = "token" | "fixed" | "versioned" | "shared";

/** How one kind of resource is recognised, made, mended and removed. Verbs, never waits: the engine polls `find`. */
export interface Step<I, O, T = unknown, Cloud = unknown> {
  readonly kind: string;
  readonly naming: Naming;
  /** AWS honours no token and no unique name: the same create sent again would make a second one, so it never is. */
  readonly unrepeatable?: true;
  /** It holds data: never replaced, and only `teardown`, which asks, removes it. */
  readonly protect?: true;
  /** Its `update` can bring a failed one back, so that it need not be made anew. */
  readonly repairsFailed?: true;
  /** Others that are still ending may make it again under its name, without our tags: `teardown` looks for that too. */
  readonly comesBack?: true;
  readonly pace?: Pace;
  /** Where patience depends on what was asked for: in place of the pace's. */
  timeoutMs?(inputs: I): number;
  /** What cannot be changed in place; without it: all of the inputs. */
  fixed?(inputs: I): unknown;
  /**
   * Every live thing that is asked for (see FindContext), in any order; an empty list when there is none. Not-found is no
   * error. Rejects with the SDK's error as it is; in a wait, one of *busy* or *unknown* is asked again for 3 minutes.
   */
  find(context: FindContext<I, Cloud>): Promise<readonly Found<O>[]>;
  /**
   * One mutating call that carries `tagsOf(context)` and the token. Resolves to the ref: id, ARN or name. Never waits.
   * Rejects with the SDK's error as it is, and what that means is `classify`'s to say (aws/errors.ts): *exists* counts as
   * made; *busy* and *notPropagated* are called again for 3 minutes (`pace.earlyMs`); *refused* closes the intent; *unknown*
   * (no answer, 5xx) leaves it open, and the same call is sent up to 4 times; if the kind is `unrepeatable`, an attempt of
   * its own each time, after 120 s in which nothing of the last one has shown up.
   */
  create(context: CreateContext<I, T, Cloud>): Promise<string>;
  /**
   * Puts right what `found.drift` names, and of a failed one what made it fail; called until `find` shows no drift, at most
   * 3 times for the same, and never while it is pending. Safe to repeat: *busy*, *notPropagated* and *unknown* are called again for 3 minutes.
   */
  update?(context: StepContext<I, Cloud>, found: Found<O>): Promise<void>;
  /**
   * Writes the fingerprint tags, when nothing drifts any more: from then on it counts as made from these inputs. Every kind
   * with `fixed` has it. Called again like `update`.
   */
  stamp?(context: StepContext<I, Cloud>, found: Found<O>): Promise<void>;
  /** Stirs a thing that may be asleep, where that can help; answers in words what it did. Safe to repeat. */
  wake?(context: StepContext<I, Cloud>, found: Found<O>): Promise<string | undefined>;
  /** The next call for `found.state`: disable, then delete. Called until `find` shows it no more; errors as of `update`. */
  destroy?(context: FindContext<I, Cloud>, found: Found<O>): Promise<void>;
  /** Why a thing that `find` no longer shows is gone for good, where the cloud still knows. */
  whyGone?(context: FindContext<I, Cloud>, ref: string): Promise<string | undefined>;
  /** What a pending thing has said since the cursor, for steps that run something. */
  tail?(context: StepContext<I, Cloud>, found: Found<O>, cursor: string | undefined): Promise<Tail>;
}
