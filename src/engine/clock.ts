/** Time as the engine sees it: real, a sandbox's, or a test's. Milliseconds since the epoch. */
export interface Clock {
  now(): number;
  /** Only ever forward, whoever puts the clock right: what waits are measured by. Milliseconds since some moment. */
  elapsed(): number;
  /** Resolves after `ms`; rejects at once when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
