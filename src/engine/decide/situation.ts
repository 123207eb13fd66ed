import type { Planned } from "../events.ts";
import type { Hint } from "../hint.ts";
import type { StepRecord } from "../manifest/manifest.ts";
import type { Found, Pace, Step } from "../step.ts";

/** How long "not there" may mean "not visible yet". */
export const GRACE_MS = 120_000;

/** A create whose answer was lost is sent again so often: at once where that is safe, else when it has not shown up. */
export const MOST_SENDS = 4;

/** What a node should be made from now. */
export interface Wanted {
  readonly fingerprint: string;
  readonly fixedFingerprint: string;
  /** Repair also what replaces running machines. */
  readonly repair?: boolean;
  /** To say what changed. */
  readonly inputs?: unknown;
}

export type Can = Pick<Step<unknown, unknown>, "naming" | "unrepeatable" | "protect" | "repairsFailed"> & {
  readonly update: boolean;
  readonly stamp?: boolean;
  readonly destroy: boolean;
  /** It lives only while another node is being made, and is good for one attempt at that. */
  readonly temporary?: boolean;
  /** Its `create` uses up temporary nodes. */
  readonly usesUp?: boolean;
  readonly wake?: boolean;
  /** What it says while it is pending is shown, so it is asked all the time. */
  readonly tail?: boolean;
};

/** How often one difference, or one failure, was repaired, and when last. */
export interface Repairs {
  readonly times: number;
  readonly at: number;
}

/** What this run has done to a node so far, and seen of it. Times are those of the looks, in the clock's elapsed milliseconds. */
export interface Attempt {
  /** Since when what the record speaks of is waited for: this run asked for it, changes it, or took up waiting for it. */
  readonly startedAt?: number;
  /** Since when what the record speaks of is not seen. */
  readonly missingSince?: number | undefined;
  /** Since when it is in a state nobody knows the end of. */
  readonly unsureSince?: number | undefined;
  /** What was last seen of it since `startedAt`. */
  readonly last?: Found | undefined;
  /** The cloud's words on why it is gone for good. */
  readonly gone?: string | undefined;
  /** With `--repair`: the change that AWS had given up on before, as it was first seen. */
  readonly lostBefore?: string | undefined;
  readonly repairs: Readonly<Record<string, Repairs>>;
  /** How often it was asked for: with an intent of its own, or the open one of an earlier run. */
  readonly sends: number;
  readonly awake: boolean;
  /** A thing that was removed, or is waited for while somebody else removes it. */
  readonly leaving?: { readonly ref: string; readonly since: number } | undefined;
  /** Until when an empty answer is not believed although no record speaks of the node: the manifest was lost. */
  readonly doubtUntil: number;
}

export const UNTRIED: Attempt = { repairs: {}, sends: 0, awake: false, doubtUntil: 0 };

/** What a node is decided on: what is on record, what was seen, what is wanted, and what this run has tried. */
export interface Situation {
  /** Kind and node, as errors name them: `filesystem (scratch)`. */
  readonly what: string;
  readonly record: StepRecord | undefined;
  readonly found: readonly Found[];
  readonly wanted: Wanted;
  readonly can: Can;
  readonly pace: Pace;
  /** When the look at `found` began: however long it took, or the machine slept, there is one more after a deadline. */
  readonly now: number;
  readonly attempt: Attempt;
  /** Of a plan: what the node stands on and would be replaced, or is not there yet. Nothing was looked for then. */
  readonly needs?: { readonly replaced?: string | undefined; readonly unsettled?: string | undefined };
  /** It is not among the targets of this run: whatever stands is used as it is. */
  readonly asItIs?: boolean;
}

interface Basis {
  readonly reason: string;
  /** What a plan shows, of a move that can be the first. */
  readonly verdict?: Planned;
  /** What those who watch are told is being done, where that is news. */
  readonly says?: string;
  readonly found?: Found | undefined;
}

type About = Basis & { readonly found: Found };

export type Refusal = Basis & { readonly do: "refuse"; readonly ref?: string; readonly hint: Hint };

export type Failure = Basis & {
  readonly do: "fail";
  /** All of the error's message. */
  readonly reason: string;
  readonly ref?: string | undefined;
  readonly hint?: Hint;
  /** What becomes of the record first: dropped; or what was made for the attempt, and must serve no other, is on record as used. */
  readonly record: "kept" | "forgotten" | "spent";
};

/** What is done with a node next; the cloud is looked at again after every move but the ends. */
export type Move =
  /** An end: it stands. On record as such, unless the record says so already or must not be touched. */
  | (About & { readonly do: "done"; readonly record: "kept" | "ready" })
  /** With an intent: the same call again, with that attempt's token. */
  | (Basis & { readonly do: "create"; readonly intent?: StepRecord })
  /** Makes the record speak of the thing that is there, before it is waited for or anything is done to it. */
  | (About & { readonly do: "begin"; readonly phase: "creating" | "ready" | "updating"; readonly gentle?: boolean })
  /** One call for what `found.drift` names; counted by its difference. */
  | (About & { readonly do: "update"; readonly difference: string })
  /** One call that writes what it counts as made from; counted like an update. */
  | (About & { readonly do: "stamp"; readonly difference: string })
  | (About & { readonly do: "wake" })
  /** Until it is gone. */
  | (About & { readonly do: "destroy" })
  /** Nothing answers to the record any more. */
  | (Basis & { readonly do: "forget" })
  | (Basis & { readonly do: "wait"; readonly ms: number; readonly leaving?: string })
  | Refusal
  | Failure;

/** What a row has to say of a situation that it does not fit: nothing. */
export type Maybe<T> = T | false | undefined;

/** A row of the policy: the first one that has a move for the situation is followed. */
export type Row = readonly [id: string, when: string, move: (situation: Situation) => Maybe<Move>];
