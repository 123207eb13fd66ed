import { expect, it } from "vitest";
import { up } from "../../src/actions/up.ts";
import { Site } from "../environment/site.ts";

it("tells what failed, and how it ended, also when the look at what nodes said fails too", async () => {
  const site = new Site();
  const invalid = { code: "InvalidParameterException", message: "no" };
  site.lab.faults.push({ operation: "CreateFileSystem", error: { code: "BadRequest", message: "no servers left" } });
  site.lab.faults.push({ operation: "FilterLogEvents", error: invalid });
  const { result, error, exitCode, said, calls } = await site.run(up, { yes: true });
  expect(String(error)).toContain("no servers left");
  expect([result?.type, exitCode]).toEqual(["up", 1]);
  expect(said).toContain("demux is not up yet in us-east-1");
  expect(calls.map(({ operation }) => operation)).toContain("FilterLogEvents");
});
