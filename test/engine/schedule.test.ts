import { describe, expect, it } from "vitest";
import { all, once } from "../../src/engine/schedule.ts";

describe("once", () => {
  it("runs the work of a key once, whoever asks and whenever", async () => {
    const ran: string[] = [];
    const work = once(async (key: string) => {
      ran.push(key);
      return key.toUpperCase();
    });
    expect(await Promise.all([work("a"), work("b"), work("a")])).toEqual(["A", "B", "A"]);
    expect(await work("a")).toBe("A");
    expect(ran).toEqual(["a", "b"]);
  });

  it("does not try again what failed: everybody gets the same failure", async () => {
    let ran = 0;
    const work = once(async (_key: string) => {
      ran += 1;
      throw new Error("no capacity");
    });
    const failures = await Promise.allSettled([work("a"), work("a")]);
    await expect(work("a")).rejects.toThrow("no capacity");
    expect(failures.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(ran).toBe(1);
  });

  it("starts at once what depends on nothing, and the rest as soon as what it needs is done", async () => {
    const needs: Readonly<Record<string, readonly string[]>> = {
      top: ["left", "right"],
      left: ["base"],
      right: ["base"],
    };
    const log: string[] = [];
    const bring = once(async (id: string): Promise<void> => {
      await all((needs[id] ?? []).map(bring));
      log.push(`+${id}`);
      await new Promise(setImmediate);
      log.push(`-${id}`);
    });
    await all(["top", "right", "left", "base"].map(bring));
    expect(log).toEqual(["+base", "-base", "+left", "+right", "-left", "-right", "+top", "-top"]);
  });
});

describe("all", () => {
  it("answers in the order asked", async () => {
    const slow = new Promise<number>((resolve) => setImmediate(() => resolve(1)));
    expect(await all([slow, Promise.resolve(2)])).toEqual([1, 2]);
    expect(await all([])).toEqual([]);
  });

  it("throws the first failure in that order, and only when nothing goes on any more", async () => {
    let ended = false;
    const slow = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      ended = true;
    });
    await expect(all([slow, Promise.reject(new Error("one")), Promise.reject(new Error("two"))])).rejects.toThrow(
      "one",
    );
    expect(ended).toBe(true);
  });
});
