import type { Listener } from "../engine/events.ts";

/** Shows a run while it happens; it draws, and decides nothing. */
export interface View {
  readonly onEvent: Listener;
  /** Draws the last state and lets go of the terminal; nothing is shown after it. */
  close(): Promise<void>;
}

export interface ViewOptions {
  readonly stdout: NodeJS.WriteStream;
  /** Held back while rows are drawn, so that it does not tear them. */
  readonly stderr?: NodeJS.WriteStream | undefined;
  readonly color: boolean;
  /** Shows also what is kept, and more notes. */
  readonly verbose: boolean;
  /** The engine clock's time, in milliseconds: under a sandbox it runs faster than ours. */
  now(): number;
}

/** `listr`: rows, for a terminal; `lines`: for pipes and CI; `json`: one event a line, for programs. */
export type ViewKind = "listr" | "lines" | "json";
