import type { PolicyVerb } from "../aws/caller-policy.ts";
import { shellQuote } from "../render/templates.ts";

/** What the person typed after the verb. */
export interface Flags {
  readonly config?: string;
  readonly name?: string;
  readonly region?: string;
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly sandbox?: boolean;
  readonly speed?: number;
  readonly endpointUrl?: string;
  readonly takeOverLock?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly repair?: boolean;
  readonly keepBuilder?: boolean;
  readonly force?: boolean;
  readonly discardData?: boolean;
}

export interface PolicyFlags extends Flags {
  readonly of: PolicyVerb;
  readonly account?: string;
}

export interface SandboxFlags {
  readonly port: number;
  readonly speed?: number;
  readonly callerPolicy?: string;
  readonly advance?: string;
}

/** `bootstrap VERB` with the flags that say which environment is meant, so that it can be typed as it stands. */
export function commandFor(verb: string, flags: Flags): string {
  const { sandbox, endpointUrl, config, name, region } = flags;
  const words = [
    ...["bootstrap", verb, ...(sandbox ? ["--sandbox"] : [])],
    ...Object.entries({ "endpoint-url": endpointUrl, config, name, region }).flatMap(([flag, value]) =>
      value === undefined ? [] : [`--${flag}`, typed(value)],
    ),
  ];
  return words.join(" ");
}

/** A word as it can be typed into a shell, in quotes only where it needs them. */
export function typed(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : shellQuote(word);
}
