import { writeSync } from "node:fs";
import { constants } from "node:os";

/**
 * Ctrl-C once: nothing new starts, waits end, what is on its way may arrive. Twice: the end, at once, which is safe:
 * the intents are on disk.
 */
export function stopOnSignals(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) {
        try {
          // Past the stream, which listr2 holds back while it draws.
          if (process.stdout.isTTY) writeSync(process.stdout.fd, SHOW_CURSOR);
        } finally {
          // Also where the terminal is gone.
          process.exit(128 + constants.signals[signal]);
        }
      }
      stop.abort();
    });
  }
  return stop.signal;
}

/** While rows are drawn it is hidden. */
const SHOW_CURSOR = "\u001b[?25h";
