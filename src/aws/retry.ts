import type { HandlerExecutionContext, RetryErrorInfo, RetryStrategyV2, RetryToken } from "@smithy/types";

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

/** AWS has no token for them and no name that can be had only once: each time they arrive, they are carried out. */
const CARRIED_OUT_EACH_TIME: ReadonlySet<string | undefined> = new Set([
  "RegisterJobDefinitionCommand",
  "SendCommandCommand",
]);

/** Errors of such operations after which nobody knows whether they were carried out. */
const IN_DOUBT = new WeakSet<object>();

/** No connection came about. */
const NOT_SENT = /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)$/;

/** Stands within the SDK's own retries, and sees what each attempt ended with. */
export function notingDoubt<A, O>(next: (args: A) => Promise<O>, { commandName }: HandlerExecutionContext) {
  if (!CARRIED_OUT_EACH_TIME.has(commandName)) return next;
  return async (args: A): Promise<O> => {
    try {
      return await next(args);
    } catch (error) {
      const { code = "", $metadata } = error as NodeJS.ErrnoException & Answered;
      const isClear = ($metadata?.httpStatusCode ?? 500) < 500 || NOT_SENT.test(code);
      if (!isClear) IN_DOUBT.add(Object(error));
      throw error;
    }
  };
}

interface Answered {
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/**
 * Retries throttling and transport faults with exponential back-off and full jitter, on the engine's clock, so that a
 * sandbox's time and a test's time are kept. Never what may have been carried out, and would be again.
 */
export function retryOn(sleep: (ms: number) => Promise<void>): RetryStrategyV2 {
  return {
    acquireInitialRetryToken: async () => new Attempt(0),
    recordSuccess: () => {},
    async refreshRetryTokenForRetry(token: RetryToken, { error, errorType }: RetryErrorInfo): Promise<RetryToken> {
      const attempts = token.getRetryCount() + 1;
      const isFault = (errorType === "TRANSIENT" || errorType === "SERVER_ERROR") && !IN_DOUBT.has(Object(error));
      const retryable = errorType === "THROTTLING" || isFault;
      const name = error instanceof Error ? error.name : "";
      if (!retryable || CLEAR_NO.has(name) || attempts >= MAX_ATTEMPTS) throw new Error("not to be retried");
      const baseMs = errorType === "THROTTLING" ? 500 : 100;
      await sleep(Math.random() * Math.min(MAX_DELAY_MS, baseMs * 2 ** attempts));
      return new Attempt(attempts);
    },
  };
}
