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
