import { beforeEach, describe, expect, it } from "vitest";
import { Calls } from "../../src/engine/calls.ts";
import { AbortedError } from "../../src/engine/errors.ts";
import { jumpingClock } from "../jumping-clock.ts";
import { ToyError, toyErrors } from "./toy-cloud.ts";

let clock: ReturnType<typeof jumpingClock>;
let stop: AbortController;
let calls: Calls;
let notes: string[];
beforeEach(() => {
  clock = jumpingClock();
  stop = new AbortController();
  calls = new Calls(clock, stop.signal, toyErrors);
  notes = [];
});

const MINUTE = 60_000;
const note = (text: string) => notes.push(text);
const settled = () => new Promise(setImmediate);

/** A call that is answered when told to. */
function open() {
  let answer = () => {};
  const answered = new Promise<string>((resolve) => {
    answer = () => resolve("answer");
  });
  return { ask: () => answered, answer: () => answer() };
}

/** Fails so often, then answers. */
function early(times: number, trouble: ToyError["trouble"], words = (_time: number) => "too early") {
  let asked = 0;
  const call = async () => {
    if (asked++ < times) throw new ToyError(trouble, words(asked));
    return "answer";
  };
  return { call, asked: () => asked };
}

describe("calls", () => {
  it("are at most 32 looks and 16 changes at once, and the rest waits its turn", async () => {
    const running = { look: 0, change: 0 };
    const most = { look: 0, change: 0 };
    const call = (kind: "look" | "change") => async () => {
      running[kind] += 1;
      most[kind] = Math.max(most[kind], running[kind]);
      await settled();
      running[kind] -= 1;
    };
    await Promise.all(
      Array.from({ length: 100 }, (_none, at) =>
        at % 2 === 0 ? calls.read(call("look")) : calls.change({ everyMs: 1, note }, call("change")),
      ),
    );
    expect(most).toEqual({ look: 32, change: 16 });
  });

  it("are not held up by nodes that wait", async () => {
    const waits = Array.from({ length: 40 }, () => calls.wait(10 * MINUTE));
    expect(await calls.read(async () => "answer")).toBe("answer");
    const startedAt = clock.now();
    await Promise.all(waits);
    expect(clock.now() - startedAt).toBe(10 * MINUTE);
  });
});

describe("when the run is stopped", () => {
  it("a read that hangs is given up at once", async () => {
    const reading = calls.read(() => new Promise<never>(() => {}));
    stop.abort();
    await expect(reading).rejects.toBeInstanceOf(AbortedError);
  });

  it("a wait is over at once", async () => {
    const waiting = calls.wait(60 * MINUTE);
    const startedAt = clock.now();
    stop.abort();
    await expect(waiting).rejects.toBeInstanceOf(AbortedError);
    expect(clock.now()).toBe(startedAt);
  });

  it("a change on its way is answered all the same", async () => {
    const { ask, answer } = open();
    const changing = calls.change({ everyMs: 1, note }, ask);
    await settled();
    stop.abort();
    answer();
    expect(await changing).toBe("answer");
  });

  it("no read, wait or change begins", async () => {
    stop.abort();
    let asked = 0;
    const ask = async () => {
      asked += 1;
    };
    for (const attempt of [calls.read(ask), calls.change({ everyMs: 1, note }, ask), calls.wait(1)]) {
      await expect(attempt).rejects.toBeInstanceOf(AbortedError);
    }
    expect(asked).toBe(0);
  });

  it("a change that still waits its turn does not begin", async () => {
    const busy = Array.from({ length: 16 }, open);
    const changes = busy.map(({ ask }) => calls.change({ everyMs: 1, note }, ask));
    let asked = false;
    const queued = calls.change({ everyMs: 1, note }, async () => {
      asked = true;
    });
    const refused = expect(queued).rejects.toBeInstanceOf(AbortedError);
    await settled();
    stop.abort();
    for (const { answer } of busy) answer();
    await Promise.all(changes);
    await refused;
    expect(asked).toBe(false);
  });

  it("a change that was only early is not tried again", async () => {
    const { call, asked } = early(9, "busy");
    const changing = calls.change({ everyMs: MINUTE, note }, async () => {
      stop.abort();
      return call();
    });
    await expect(changing).rejects.toBeInstanceOf(AbortedError);
    expect(asked()).toBe(1);
  });
});

describe("a change that is only early", () => {
  it.each(["busy", "notPropagated"] as const)(
    "is tried again when the cloud says %s, at the step's pace",
    async (trouble) => {
      const { call, asked } = early(3, trouble);
      const startedAt = clock.now();
      expect(await calls.change({ everyMs: 5_000, note }, call)).toBe("answer");
      expect([asked(), clock.now() - startedAt]).toEqual([4, 15_000]);
    },
  );

  it("is told of once for as long as the cloud says the same", async () => {
    const { call } = early(4, "busy", (time) => (time < 3 ? "in use" : "still going"));
    await calls.change({ everyMs: 1, note }, call);
    expect(notes).toEqual(["not yet: in use", "not yet: still going"]);
  });

  it("is given up after three minutes with the cloud's own error", async () => {
    const { call } = early(Number.POSITIVE_INFINITY, "busy");
    const startedAt = clock.now();
    await expect(calls.change({ everyMs: 5_000, note }, call)).rejects.toThrow("too early");
    expect(clock.now() - startedAt).toBe(3 * MINUTE);
  });

  it("is given as long as the one who asks says", async () => {
    const { call } = early(Number.POSITIVE_INFINITY, "busy");
    const startedAt = clock.now();
    await expect(calls.change({ everyMs: 5_000, forMs: 20 * MINUTE, note }, call)).rejects.toThrow("too early");
    expect(clock.now() - startedAt).toBe(20 * MINUTE);
  });

  it.each(["refused", "exists", "unknown"] as const)("is not tried again when the cloud says %s", async (trouble) => {
    const { call, asked } = early(1, trouble);
    await expect(calls.change({ everyMs: 1, note }, call)).rejects.toBeInstanceOf(ToyError);
    expect(asked()).toBe(1);
  });

  it("is tried again after a lost answer only where that was said to be safe", async () => {
    const { call } = early(1, "unknown");
    expect(await calls.change({ everyMs: 1, alsoLost: true, note }, call)).toBe("answer");
  });
});

describe("a read in a long wait", () => {
  it("outlasts a network that is away for a moment, without a word", async () => {
    const { call, asked } = early(5, "unknown");
    expect(await calls.readPatiently(5_000, call)).toBe("answer");
    expect([asked(), notes]).toEqual([6, []]);
  });

  it("ends when the network stays away, and at once when the cloud says no", async () => {
    await expect(calls.readPatiently(5_000, early(Number.POSITIVE_INFINITY, "unknown").call)).rejects.toThrow();
    const { call, asked } = early(1, "refused");
    await expect(calls.readPatiently(5_000, call)).rejects.toBeInstanceOf(ToyError);
    expect(asked()).toBe(1);
  });
});
