import { GetRoleCommand } from "@aws-sdk/client-iam";
import type { HandlerExecutionContext, RetryErrorInfo, SdkError } from "@smithy/types";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { notingDoubt, retryOn } from "../../src/aws/retry.ts";
import { lab } from "../steps/harness.ts";

let slept: number[];
beforeEach(() => {
  slept = [];
  vi.spyOn(Math, "random").mockReturnValue(1);
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Asks until the strategy gives up; answers how long it waited each time. */
async function waits(info: RetryErrorInfo): Promise<readonly number[]> {
  const strategy = retryOn(async (ms) => void slept.push(ms));
  let token = await strategy.acquireInitialRetryToken("");
  await expect(
    (async () => {
      for (;;) token = await strategy.refreshRetryTokenForRetry(token, info);
    })(),
  ).rejects.toThrow("not to be retried");
  return slept;
}

const named = (name: string) => Object.assign(new Error(name), { name }) as SdkError;

describe("a call is tried again", () => {
  it("after throttling, seven times, twice as long each time and never longer than 20 s", async () => {
    expect(await waits({ errorType: "THROTTLING", error: named("RequestLimitExceeded") })).toEqual([
      1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000,
    ]);
  });

  it.each(["TRANSIENT", "SERVER_ERROR"] as const)("after %s, sooner", async (errorType) => {
    expect(await waits({ errorType })).toEqual([200, 400, 800, 1_600, 3_200, 6_400, 12_800]);
  });

  it("after a wait of any length up to that, so that many do not come back at once", async () => {
    vi.mocked(Math.random).mockReturnValue(0.25);
    expect((await waits({ errorType: "TRANSIENT" })).slice(0, 2)).toEqual([50, 100]);
  });

  it("never after AWS said no", async () => {
    expect(await waits({ errorType: "CLIENT_ERROR", error: named("AccessDenied") })).toEqual([]);
  });

  it.each([
    ["LimitExceededException", "THROTTLING"],
    ["LimitExceeded", "THROTTLING"],
    ["InsufficientInstanceCapacity", "SERVER_ERROR"],
  ] as const)("never after %s, which the SDK takes for %s", async (name, errorType) => {
    expect(await waits({ errorType, error: named(name) })).toEqual([]);
  });
});

describe("what AWS carries out each time it arrives", () => {
  /** What the strategy is told of an attempt that ended so. */
  async function ended(commandName: string, given: object): Promise<SdkError> {
    const next = () => Promise.reject(Object.assign(new Error("scripted"), given));
    const told = notingDoubt(next, { commandName } as HandlerExecutionContext)({});
    return told.then(
      () => expect.unreachable(),
      (error) => error,
    );
  }
  const lost = { code: "ECONNRESET" };

  it.each([[lost], [{ name: "TimeoutError" }], [{ $metadata: { httpStatusCode: 502 } }]])(
    "is not sent again after %o",
    async (given) => {
      expect(await waits({ errorType: "TRANSIENT", error: await ended("SendCommandCommand", given) })).toEqual([]);
    },
  );

  it.each([[{ code: "ECONNREFUSED" }], [{ code: "ENOTFOUND" }], [{ $metadata: { httpStatusCode: 403 } }]])(
    "is sent again after %o: it did not arrive, or was not let in",
    async (given) => {
      expect(await waits({ errorType: "TRANSIENT", error: await ended("SendCommandCommand", given) })).toHaveLength(7);
    },
  );

  it("is sent again after throttling, whatever its status", async () => {
    const error = await ended("SendCommandCommand", { $metadata: { httpStatusCode: 503 } });
    expect(await waits({ errorType: "THROTTLING", error })).toHaveLength(7);
  });

  it("is told by the operation: others are sent again", async () => {
    expect(await waits({ errorType: "TRANSIENT", error: await ended("CreateImageCommand", lost) })).toHaveLength(7);
  });
});

describe("through the SDK", () => {
  const throttled = { code: "Throttling", message: "Rate exceeded", status: 400 };

  it("a throttled call is answered in the end, and the waits pass on the engine's clock", async () => {
    const { cloud, clock, faults, calls } = lab();
    faults.push({ operation: "GetRole", nth: [1, 2], error: throttled });
    const startedAt = clock.now();
    await expect(cloud.iam.send(new GetRoleCommand({ RoleName: "nobody" }))).rejects.toThrow(/cannot be found/);
    expect(calls.map(({ outcome }) => outcome)).toEqual(["Throttling", "Throttling", "NoSuchEntity"]);
    expect(clock.now() - startedAt).toBeGreaterThanOrEqual(3_000);
  });

  it("a quota is said at once, in AWS's words", async () => {
    const { cloud, faults, calls } = lab();
    faults.push({
      operation: "GetRole",
      error: { code: "LimitExceeded", message: "Cannot exceed quota", status: 409 },
    });
    await expect(cloud.iam.send(new GetRoleCommand({ RoleName: "nobody" }))).rejects.toThrow("Cannot exceed quota");
    expect(calls.length).toBe(1);
  });

  it("a call that stays throttled ends with AWS's error after eight tries", async () => {
    const { cloud, faults, calls } = lab();
    faults.push({ operation: "GetRole", error: throttled });
    await expect(cloud.iam.send(new GetRoleCommand({ RoleName: "nobody" }))).rejects.toThrow("Rate exceeded");
    expect(calls.length).toBe(8);
  });
});
