import { expect, it } from "vitest";
import type { Host } from "../../src/actions/action.ts";
import { policy } from "../../src/actions/policy.ts";
import { Site } from "../environment/site.ts";

const OLDER = "filesystem: { deploymentType: PERSISTENT_1, throughputPerTiB: 50 }";

/** A rule of the older kind alone. */
const AS_CHOSEN = "filesystem: { throughputPerTiB: 50 }";

it("of a config that only an earlier choice fits is printed, as every other verb takes it", async () => {
  const site = new Site();
  expect((await site.run(policy, { of: "up", yaml: AS_CHOSEN })).error).toMatchObject({ code: "config" });
  expect((await site.up(OLDER)).summary?.failures).toEqual([]);
  expect((await site.up(AS_CHOSEN)).plan.idle).toBe(true);
  const { result, error } = await site.run(policy, { of: "up", yaml: AS_CHOSEN });
  expect([error, result?.type]).toEqual([undefined, "policy"]);
});

it("with an account and a region asks nothing of AWS, and needs no credentials", async () => {
  const site = new Site();
  const host: Host = { ...site.host(), reach: () => Promise.reject(new Error("asked")) };
  const options = { of: "status", account: "123456789012", region: "us-east-1" } as const;
  const result = await policy(host, options, { event: () => {}, result: () => {} });
  expect(JSON.stringify(result)).toContain("123456789012");
});

it("is not of an account that is none", async () => {
  const { error, exitCode } = await new Site().run(policy, { of: "up", account: "1" });
  expect([error, exitCode]).toMatchObject([{ message: "--account 1: not an AWS account" }, 2]);
});
