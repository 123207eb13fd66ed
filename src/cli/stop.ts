import { constants } from "node:os";

/**
 * Ctrl-C once: nothing new starts, waits end, what is on its way may arrive. Twice: the end, at once, which is safe:
 * the intents are on disk.
 */
export function stopOnSignals(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(128 + constants.signals[signal]);
      stop.abort();
    });
  }
  return stop.signal;
}
