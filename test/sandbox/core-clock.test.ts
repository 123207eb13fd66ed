import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../sandbox/clock.ts";

const START = Date.UTC(2026, 10, 21);

function wallClock() {
  let wallMs = START;
  const pass = (ms: number) => {
    wallMs += ms;
  };
  return { wall: () => wallMs, pass };
}

describe("virtual time", () => {
  it("runs at its speed", () => {
    const { wall, pass } = wallClock();
    const clock = new VirtualClock(VirtualClock.startingAt(START, 50), wall);
    pass(2_000);
    expect(clock.now()).toBe(START + 100_000);
  });

  it("runs on while nobody looks, at the speed it had", () => {
    const { wall, pass } = wallClock();
    const kept = new VirtualClock(VirtualClock.startingAt(START, 50), wall).state();
    pass(60_000);
    expect(new VirtualClock(kept, wall).now()).toBe(START + 3_000_000);
  });

  it("goes on from where it is when its speed changes", () => {
    const { wall, pass } = wallClock();
    const clock = new VirtualClock(VirtualClock.startingAt(START, 100), wall);
    pass(1_000);
    clock.setSpeed(1);
    expect(clock.now()).toBe(START + 100_000);
    pass(1_000);
    expect(clock.now()).toBe(START + 101_000);
  });

  it("stands for a moment when the wall clock is set back, and never goes back itself", () => {
    const { wall, pass } = wallClock();
    const clock = new VirtualClock(VirtualClock.startingAt(START, 10), wall);
    pass(5_000);
    const before = clock.now();
    pass(-3600_000);
    expect(clock.now()).toBe(before);
    pass(1_000);
    expect(clock.now()).toBe(before + 10_000);
  });

  it("does not go back for a process that starts after the wall clock was set back", () => {
    const { wall, pass } = wallClock();
    pass(5_000);
    const kept = new VirtualClock(VirtualClock.startingAt(START, 10), wall).state();
    pass(-3600_000);
    expect(new VirtualClock(kept, wall).now()).toBe(kept.virtualMs);
  });

  it("jumps when it is moved on, for those too that follow the same world", () => {
    const { wall } = wallClock();
    const clock = new VirtualClock(VirtualClock.startingAt(START), wall);
    const other = new VirtualClock(VirtualClock.startingAt(START), wall);
    clock.advance(30 * 86_400_000);
    other.follow(clock.state());
    expect(other.now()).toBe(START + 30 * 86_400_000);
  });

  it("sleeps in its own time, and stops at once when it is told to", async () => {
    const clock = new VirtualClock(VirtualClock.startingAt(Date.now(), 1_000_000));
    const before = clock.now();
    await clock.sleep(3600_000);
    expect(clock.now() - before).toBeGreaterThanOrEqual(3600_000);
    const stop = new AbortController();
    const asleep = clock.sleep(365 * 86_400_000, stop.signal);
    stop.abort(new Error("stopped"));
    await expect(asleep).rejects.toThrow("stopped");
  });
});
