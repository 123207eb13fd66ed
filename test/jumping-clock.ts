import type { Clock } from "../src/engine/clock.ts";

/** Rounds of the event loop without a new timer before time jumps: everything in process is settled by then. */
const QUIET_ROUNDS = 3;

export interface JumpingClock extends Clock {
  advance(ms: number): void;
  /** As an NTP daemon does: the wall shows another time, and no time has passed. */
  putRight(ms: number): void;
}

/** Time that stands still while anything is being done, and jumps to the next waiter when all are waiting. */
export function jumpingClock(startMs = Date.UTC(2026, 10, 21)): JumpingClock {
  let now = startMs;
  let putRightMs = 0;
  let timers: { readonly at: number; wake(): void }[] = [];
  let watching = false;

  function watch(quiet: number, count: number): void {
    setImmediate(() => {
      if (timers.length !== count) return watch(QUIET_ROUNDS, timers.length);
      if (quiet > 0) return watch(quiet - 1, count);
      watching = false;
      now = Math.max(now, Math.min(...timers.map(({ at }) => at)));
      const due = timers.filter(({ at }) => at <= now);
      timers = timers.filter(({ at }) => at > now);
      for (const timer of due) timer.wake();
      start();
    });
  }

  function start(): void {
    if (watching || timers.length === 0) return;
    watching = true;
    watch(QUIET_ROUNDS, timers.length);
  }

  return {
    now: () => now + putRightMs,
    elapsed: () => now,
    advance(ms) {
      now += ms;
    },
    putRight(ms) {
      putRightMs += ms;
    },
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        const onAbort = () => {
          timers = timers.filter((other) => other !== timer);
          reject(signal?.reason);
        };
        const timer = {
          at: now + Math.max(0, ms),
          wake() {
            signal?.removeEventListener("abort", onAbort);
            resolve();
          },
        };
        if (signal?.aborted) return onAbort();
        signal?.addEventListener("abort", onAbort, { once: true });
        timers.push(timer);
        start();
      });
    },
  };
}
