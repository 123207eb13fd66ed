import type { HistoryOptions } from "../actions/history.ts";
import type { Options } from "../actions/options.ts";
import type { PolicyOptions } from "../actions/policy.ts";

/** What the person typed after the verb: what the action is told, and how it is shown. */
export interface Flags extends Options {
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly speed?: number;
  /** With `dryRun`. */
  readonly exitCode?: boolean;
}

export type HistoryFlags = Flags & HistoryOptions;
export type PolicyFlags = Flags & PolicyOptions;

/** Of a verb for this machine alone; each has its own. */
export type ToolFlags = object;

export interface SandboxFlags extends ToolFlags {
  readonly port: number;
  readonly speed?: number;
  readonly callerPolicy?: string;
  readonly advance?: string;
}

export interface CompletionFlags extends ToolFlags {
  readonly shell: "bash" | "fish" | "zsh";
}

export interface CompleteFlags extends ToolFlags {
  /** The words after `bootstrap` up to the cursor; the last one is unfinished, or empty. */
  readonly words: readonly string[];
}
