import { expect, it } from "vitest";
import { Site } from "./site.ts";

it("a zone that has no FSx is left for a subnet that the refusal named, with what was made before", async () => {
  const site = new Site();
  const message = "Amazon FSx does not support file system creation in the following Availability Zones: us-east-1a";
  site.lab.faults.push({ operation: "CreateFileSystem", nth: 1, error: { code: "BadRequest", message } });
  const refused = await site.up();
  const [failure, ...others] = refused.summary!.failures;
  expect(others).toEqual([]);
  expect(failure).toMatchObject({ message: `creating filesystem (filesystem): BadRequest: ${message}` });
  const [subnetId] = failure!.hint!.match(/subnet-\w+(?= \()/)!;

  const { summary, writes } = await site.up(`network: { subnetId: ${subnetId} }`);
  expect(summary?.failures).toEqual([]);
  expect(summary?.outputs.get("filesystem")).toMatchObject({ subnetId });
  expect(writes).not.toContain("CreateSecurityGroup");
  expect(writes).not.toContain("CreateImage");
  expect((await site.up()).plan.idle).toBe(true);
});
