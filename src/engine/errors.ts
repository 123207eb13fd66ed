import { type Hint, hintText } from "./hint.ts";

/** What went wrong, in words for the person at the keyboard, with what to type next. */
export class BootstrapError extends Error {
  readonly code: string;
  /** Its commands name no environment. */
  readonly hint: string | undefined;
  /** The same with its commands as data. */
  readonly advice: Hint | undefined;

  constructor(
    code: string,
    message: string,
    options: { readonly hint?: Hint | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = options.hint === undefined ? undefined : hintText(options.hint);
    this.advice = options.hint;
  }
}

/** The config, or a flag, cannot be used as it is (exit 2). */
export class ConfigError extends BootstrapError {
  constructor(message: string, hint?: Hint) {
    super("config", message, { hint });
  }
}

/** Going on would touch what is not ours or not to be touched: foreign, protected, wrong account, locked (exit 3). */
export class RefusedError extends BootstrapError {
  constructor(message: string, hint?: Hint) {
    super("refused", message, { hint });
  }
}

/** A step failed, with AWS's own reason (exit 1). */
export class StepError extends BootstrapError {
  readonly node: string;
  readonly ref: string | undefined;

  constructor(
    message: string,
    options: {
      readonly node: string;
      readonly ref?: string | undefined;
      readonly hint?: Hint | undefined;
      readonly cause?: unknown;
    },
  ) {
    super("step", message, options);
    this.node = options.node;
    this.ref = options.ref;
  }
}

/** The person, or the system, asked us to stop (exit 130). */
export class AbortedError extends BootstrapError {
  constructor(message = "stopped", hint?: Hint) {
    super("aborted", message, { hint });
  }
}

/**
 * What an error of the cloud's means for the one who called. busy: later, as it is. notPropagated: what it refers to is not
 * visible everywhere yet. exists: a unique name is taken, perhaps by us. refused: a clear no, nothing was made. unknown:
 * the answer was lost, or the cloud failed; it may have been done.
 */
export type Trouble = "busy" | "notPropagated" | "exists" | "refused" | "unknown";

/** What to type when the cloud's words say no more. */
export const GO_ON = "when the reason is gone, run the same command again: it goes on from here";
