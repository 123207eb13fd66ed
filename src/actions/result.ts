import type { CallerPolicyDocument } from "../aws/caller-policy.ts";
import type { Cloud } from "../aws/clients.ts";
import type { NodeWord } from "../aws/node-words.ts";
import type { BootstrapError } from "../engine/errors.ts";
import type { Outcome } from "../engine/events.ts";
import type { OwnedResource, Unseen } from "../engine/owned.ts";
import type { Plan } from "../engine/plan.ts";
import type { Summary } from "../engine/rollout.ts";
import type { LoggedRun } from "../log/file.ts";

/** What an action has to tell, told apart by its type. */
export type Result =
  | PlanResult
  | { readonly type: "idle"; readonly plan: Plan<Cloud>; readonly left: readonly string[] }
  | UpResult
  | RemovalResult
  | RemovedResult
  | { readonly type: "refused-nodes"; readonly nodes: readonly NodeWord[] }
  | { readonly type: "history"; readonly runs: readonly LoggedRun[] }
  | { readonly type: "run"; readonly run: LoggedRun; readonly gantt: boolean }
  | { readonly type: "policy"; readonly document: CallerPolicyDocument };

/** What was decided for every node, and not done. */
export interface PlanResult {
  readonly type: "plan";
  readonly plan: Plan<Cloud>;
  /** It was asked for to be done next: one that would be refused is no good plan. */
  readonly dryRun: boolean;
}

/** The end of a run that made or changed something. */
export interface UpResult {
  readonly type: "up";
  readonly plan: Plan<Cloud>;
  readonly summary: Summary;
  readonly name: string;
  readonly region: string;
  readonly account: string;
  /** What stands otherwise than wanted, or was not removed, and why. */
  readonly left: readonly string[];
  readonly failures: readonly BootstrapError[];
  /** What exists: its name and its id or ARN. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** Why, and the command to type. */
  readonly next: readonly (readonly [why: string, command: string])[];
  /** In the order of the page. */
  readonly nodes: readonly { readonly node: string; readonly outcome: Outcome; readonly output: unknown }[];
}

/** What is to be removed. */
export interface RemovalResult {
  readonly type: "removal";
  readonly name: string;
  readonly region: string;
  readonly account: string;
  readonly things: readonly OwnedResource<Cloud>[];
  /** How many are not done, or why they could not be counted. */
  readonly jobs: number | string;
  readonly unseen: readonly Unseen[];
}

/** The end of a removal. */
export interface RemovedResult {
  readonly type: "removed";
  readonly name: string;
  readonly region: string;
  readonly account: string;
  /** Nothing was there to begin with. */
  readonly nothing: boolean;
  readonly left: readonly OwnedResource<Cloud>[];
  readonly unseen: readonly Unseen[];
  /** Where all else is gone: roles that are the account's own, which stay. */
  readonly accountsOwn?: readonly string[] | undefined;
  readonly failures: readonly BootstrapError[];
}
