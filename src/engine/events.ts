import type { BootstrapError } from "./errors.ts";
import type { Hint } from "./hint.ts";
import type { Drift, State } from "./step.ts";

/** What `decide` says about a node, in one word and a reason a person can read. */
export interface PlannedNode {
  readonly node: string;
  readonly kind: string;
  readonly verdict: Planned;
  readonly reason: string;
  readonly ref?: string | undefined;
  readonly state?: State | undefined;
  readonly detail?: string | undefined;
  readonly drift?: readonly Drift[] | undefined;
  /** Of a refusal: what to do instead. */
  readonly hint?: Hint | undefined;
  /** The node this one lives for; a temporary node has no verdict of its own until its owner is made. */
  readonly temporaryOf?: string | undefined;
  /** What it is made after, where it is told. */
  readonly needs?: readonly string[] | undefined;
}

export type Planned =
  | "create"
  | "adopt"
  | "keep"
  | "update"
  | "replace"
  | "resume"
  | "confirm"
  | "wait"
  | "refuse"
  | "follows"
  | "temporary"
  | "use"
  | "unseen"
  | "remove";

export type Outcome = "kept" | "adopted" | "created" | "updated" | "replaced" | "removed" | "unneeded";

/** Whose run this is: the first that is told of it, when account and region are known. */
export interface Began {
  readonly type: "began";
  readonly at: number;
  readonly verb: string;
  readonly name: string;
  readonly region: string;
  readonly account: string;
  /** The ARN that the credentials belong to. */
  readonly caller: string;
  readonly sandbox: boolean;
  readonly endpoint?: string | undefined;
  readonly program: string;
  /** It may change the environment, and no other run may meanwhile. */
  readonly locked: boolean;
}

/** Everything a view can know of a run. Times are the engine clock's, in milliseconds. */
export type Event =
  | Began
  | { readonly type: "planned"; readonly at: number; readonly nodes: readonly PlannedNode[] }
  | { readonly type: "started"; readonly at: number; readonly node: string; readonly doing: string }
  | {
      readonly type: "seen";
      readonly at: number;
      readonly node: string;
      readonly ref: string;
      readonly state: State;
      readonly detail?: string | undefined;
    }
  | { readonly type: "note"; readonly at: number; readonly node?: string | undefined; readonly text: string }
  | {
      readonly type: "finished";
      readonly at: number;
      readonly node: string;
      readonly outcome: Outcome;
      readonly ms: number;
      readonly ref?: string | undefined;
    }
  | {
      readonly type: "failed";
      readonly at: number;
      readonly node: string;
      readonly ms: number;
      readonly error: BootstrapError;
    }
  | { readonly type: "blocked"; readonly at: number; readonly node: string; readonly by: string }
  | { readonly type: "interrupted"; readonly at: number; readonly node: string; readonly detail: string };

export type Listener = (event: Event) => void;
