import type { Host, Io } from "../actions/action.ts";
import type { Result } from "../actions/result.ts";
import type { Flags, ToolFlags } from "./flags.ts";

/** A flag as it is typed, what it is for, and what its value may be where it has one. */
export type Flag = readonly [typed: string, about: string, value?: Value, otherwise?: number];

export type Value = "factor" | "port";

/** What may follow a verb's name, and what comes of it. */
export type Example = readonly [typed: string, about: string];

export type ExitCodes = Readonly<Partial<Record<0 | 1 | 2 | 3 | 10 | 130, string>>>;

/** What follows the name before the flags, as it is typed: `<verb>`, or `[number]` where it may be left out. */
export interface Argument {
  readonly typed: string;
  /** Where the action finds it among the flags. */
  readonly key: string;
  readonly about: string;
  readonly choices?: readonly string[];
}

interface Row {
  readonly name: string;
  readonly summary: string;
  /** For programs: help does not tell it. */
  readonly hidden?: boolean;
  readonly argument?: Argument;
  readonly flags?: readonly Flag[];
  readonly examples: readonly Example[];
  readonly exitCodes: ExitCodes;
  /** What other tools call it, and what may follow the name then. */
  readonly synonyms?: Readonly<Record<string, string>>;
}

/** A verb for an environment: an action, which is loaded when the verb is typed. */
interface ActionRow extends Row {
  action(host: Host, flags: Flags, io: Io): Promise<Result>;
}

/** A verb for this machine alone. */
interface ToolRow extends Row {
  tool(flags: ToolFlags): Promise<void>;
}

export type Command = ActionRow | ToolRow;

/** Flags under the headings that help has for them. */
export type Headed = Readonly<Record<string, readonly Flag[]>>;
