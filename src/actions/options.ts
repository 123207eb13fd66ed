import { shellQuote } from "../render/templates.ts";

/** Which environment is meant, and where it is. */
export interface Target {
  readonly config?: string;
  readonly name?: string;
  readonly region?: string;
  readonly sandbox?: boolean;
  readonly endpointUrl?: string;
  /** Where presets lie; without it the package's own folder. */
  readonly workloadsFolder?: string;
}

/** What an action may do, and how; each has its own of these. */
export interface Options extends Target {
  readonly takeOverLock?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly repair?: boolean;
  readonly keepBuilder?: boolean;
  readonly force?: boolean;
  readonly discardData?: boolean;
  /** Of several, the one that is asked about. */
  readonly workload?: string;
}

/** `bootstrap VERB` with the flags that say which environment is meant, so that it can be typed as it stands. */
export function commandFor(verb: string, target: Target): string {
  return ["bootstrap", verb, ...flagsFor(target)].map(typed).join(" ");
}

export function flagsFor({ sandbox, endpointUrl, config, name, region }: Target): readonly string[] {
  return [
    ...(sandbox ? ["--sandbox"] : []),
    ...Object.entries({ "endpoint-url": endpointUrl, config, name, region }).flatMap(([flag, value]) =>
      value === undefined ? [] : [`--${flag}`, value],
    ),
  ];
}

/** A word as it can be typed into a shell, in quotes only where it needs them. */
export function typed(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : shellQuote(word);
}
