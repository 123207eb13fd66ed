import type { RetryErrorInfo, RetryStrategyV2, RetryToken } from "@smithy/types";

/** Quotas and lack of capacity, which the SDK takes for throttling or a server's fault: not tried again. */
const CLEAR_NO: ReadonlySet<string> = new Set([
  "LimitExceededException",
  "LimitExceeded",
  "InsufficientInstanceCapacity",
]);

const MAX_ATTEMPTS = 8;
const MAX_DELAY_MS = 20_000;

class Attempt implements RetryToken {
  readonly #count: number;
  constructor(count: number) {
    this.#count = count;
  }
  getRetryCount(): number {
    return this.#count;
  }
  /** Zero, because the wait is already over when the token is handed out. */
  getRetryDelay(): number {
    return 0;
  }
}

/**
 * Retries throttling and transport faults with exponential back-off and full jitter, on the engine's clock, so that a
 * sandbox's time and a test's time are kept.
 */
export function retryOn(sleep: (ms: number) => Promise<void>): RetryStrategyV2 {
  return {
    acquireInitialRetryToken: async () => new Attempt(0),
    recordSuccess: () => {},
    async refreshRetryTokenForRetry(token: RetryToken, { error, errorType }: RetryErrorInfo): Promise<RetryToken> {
      const attempts = token.getRetryCount() + 1;
      const retryable = errorType === "THROTTLING" || errorType === "TRANSIENT" || errorType === "SERVER_ERROR";
      const name = error instanceof Error ? error.name : "";
      if (!retryable || CLEAR_NO.has(name) || attempts >= MAX_ATTEMPTS) throw new Error("not to be retried");
      const baseMs = errorType === "THROTTLING" ? 500 : 100;
      await sleep(Math.random() * Math.min(MAX_DELAY_MS, baseMs * 2 ** attempts));
      return new Attempt(attempts);
    },
  };
}
