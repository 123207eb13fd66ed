/** The sandbox's time. Milliseconds since the epoch, virtual. */
export interface SandboxClock {
  now(): number;
  /** Resolves after `ms` of virtual time; rejects at once when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** One point on the line of virtual time and how steep the line is. */
export interface ClockState {
  readonly virtualMs: number;
  readonly wallMs: number;
  readonly speed: number;
}

export const DEFAULT_SPEED = 50;

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Runs `speed` times as fast as the wall clock, on between commands, and never backwards. */
export class VirtualClock implements SandboxClock {
  readonly #wall: () => number;
  #followed: ClockState;
  #anchor: ClockState;
  #last = 0;

  constructor(state: ClockState, wall: () => number = Date.now) {
    this.#wall = wall;
    this.#followed = state;
    this.#anchor = state;
  }

  static startingAt(wallMs: number, speed = DEFAULT_SPEED): ClockState {
    return { virtualMs: wallMs, wallMs, speed };
  }

  get speed(): number {
    return this.#anchor.speed;
  }

  now(): number {
    const wallMs = this.#wall();
    if (wallMs < this.#anchor.wallMs) {
      this.#anchor = { ...this.#anchor, virtualMs: Math.max(this.#last, this.#anchor.virtualMs), wallMs };
    }
    const { virtualMs, wallMs: since, speed } = this.#anchor;
    this.#last = Math.max(this.#last, Math.floor(virtualMs + (wallMs - since) * speed));
    return this.#last;
  }

  /** Takes over what the world says: another process may have moved time on or changed its speed. */
  follow(state: ClockState): void {
    const { virtualMs, wallMs, speed } = this.#followed;
    if (state.virtualMs === virtualMs && state.wallMs === wallMs && state.speed === speed) return;
    this.#followed = state;
    this.#anchor = state;
  }

  /** The same line, anchored at this instant, and followed from here. */
  state(): ClockState {
    const state = { virtualMs: this.now(), wallMs: this.#wall(), speed: this.speed };
    this.follow(state);
    return state;
  }

  setSpeed(speed: number): void {
    this.#anchor = { ...this.state(), speed };
  }

  advance(ms: number): void {
    const state = this.state();
    this.#anchor = { ...state, virtualMs: state.virtualMs + ms };
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const until = this.now() + ms;
    for (let left = ms; left > 0; left = until - this.now()) {
      await wallSleep(Math.min(Math.ceil(left / this.speed), LONGEST_TIMER_MS), signal);
    }
    signal?.throwIfAborted();
  }
}

function wallSleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
