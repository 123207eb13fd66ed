import type {
  FinalizeRequestMiddleware,
  MiddlewareStack,
  RetryErrorInfo,
  RetryStrategyV2,
  RetryToken,
} from "@smithy/types";

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
      if (!retryable || MAY_BE_DONE.has(Object(error)) || CLEAR_NO.has(name) || attempts >= MAX_ATTEMPTS)
        throw new Error("not to be retried");
      const baseMs = errorType === "THROTTLING" ? 500 : 100;
      await sleep(Math.random() * Math.min(MAX_DELAY_MS, baseMs * 2 ** attempts));
      return new Attempt(attempts);
    },
  };
}

/** Errors of calls that AWS would carry out twice, and may have carried out. */
const MAY_BE_DONE = new WeakSet<object>();

/** No connection came about. */
const NOT_SENT = /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)$/;

/**
 * Of a call that AWS would carry out twice: it is tried again where AWS said no (throttling) or was not reached, and never
 * after an answer that was lost.
 */
export function sentOnce<I extends object, O extends object, C>(
  command: C & { readonly middlewareStack: MiddlewareStack<I, O> },
): C {
  const mark: FinalizeRequestMiddleware<I, O> = (next) => async (args) => {
    try {
      return await next(args);
    } catch (error) {
      const { code = "", $metadata } = error as { readonly code?: string; readonly $metadata?: Answered };
      const isAnswered = ($metadata?.httpStatusCode ?? 500) < 500;
      if (!isAnswered && !NOT_SENT.test(code)) MAY_BE_DONE.add(Object(error));
      throw error;
    }
  };
  // Within the SDK's own retries, so that it sees what each try ended with.
  command.middlewareStack.add(mark, { step: "finalizeRequest", priority: "low", name: "sentOnce" });
  return command;
}

interface Answered {
  readonly httpStatusCode?: number;
}
