/** The page to read first: what a step is, and what the engine promises to it. */

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

/** What the journal knows of a thing that its tags should say. */
export interface Known {
  readonly node: string;
  readonly fingerprint: string;
  readonly fixedFingerprint?: string | undefined;
}

/** What `find` and `destroy` may rely on: name and region are enough, no config and no manifest. */
export interface FindContext<I, Cloud> {
  /** The environment's name. */
  readonly name: string;
  readonly region: string;
  /** The node to look for; undefined asks for the whole kind, whatever the node. */
  readonly node?: string | undefined;
  /** By the refs that the journal has: what is shown under one of them is ours, even if its tags were taken. */
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

/** How one kind of resource is recognised, made, mended and removed. Verbs, never waits: the engine polls `find`. */
export interface Step<I, O, T = unknown, Cloud = unknown> {
  readonly kind: string;
  /** The account's, not ours (service-linked roles): adopted without tags, never destroyed. */
  readonly shared?: true;
  /** Its name is stable and can be had only once, so it cannot be replaced by a second one. */
  readonly singular?: true;
  /** Sending the same create again is safe: AWS honours the token, or the unique name answers "already exists". */
  readonly repeatable?: true;
  /** It holds data: never replaced, and only `teardown`, which asks, removes it. */
  readonly protect?: true;
  /** Its `update` can bring a failed one back, so that it need not be made anew. */
  readonly mendsFailed?: true;
  /** Others that are still ending may make it again under its name, without our tags: `teardown` looks for that too. */
  readonly comesBack?: true;
  /** A change makes a new version beside the old ones, which is nothing to ask about. */
  readonly versioned?: true;
  readonly pace?: Pace;
  /** Where patience depends on what was asked for: in place of the pace's. */
  timeoutMs?(inputs: I): number;
  /** What cannot be changed in place; without it: all of the inputs. */
  fixed?(inputs: I): unknown;
  /** Every live thing of the node, in any order; an empty list when there is none. */
  find(context: FindContext<I, Cloud>): Promise<readonly Found<O>[]>;
  /** One mutating call that carries the tags and the token; answers the ref. */
  create(context: CreateContext<I, T, Cloud>): Promise<string>;
  /** A nudge: puts right what `found.drift` names, or, where nothing drifts, writes the fingerprint tag. Safe to repeat. */
  update?(context: StepContext<I, Cloud>, found: Found<O>): Promise<void>;
  /** Stirs a thing that may be asleep, where that can help; answers in words what it did. Safe to repeat. */
  wake?(context: StepContext<I, Cloud>, found: Found<O>): Promise<string | undefined>;
  /** A nudge: the next thing for `found.state`. Called until `find` is empty. */
  destroy?(context: FindContext<I, Cloud>, found: Found<O>): Promise<void>;
  /** Why a thing that `find` no longer shows is gone for good, where the cloud still knows. */
  whyGone?(context: FindContext<I, Cloud>, ref: string): Promise<string | undefined>;
  /** What a pending thing has said since the cursor, for steps that run something. */
  tail?(context: StepContext<I, Cloud>, found: Found<O>, cursor: string | undefined): Promise<Tail>;
}
