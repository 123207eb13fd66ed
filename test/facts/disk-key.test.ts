import { ModifyEbsDefaultKmsKeyIdCommand } from "@aws-sdk/client-ec2";
import { beforeEach, expect, it, vi } from "vitest";
import { bakeTargets, factsForBake } from "../../src/actions/bake-ami.ts";
import { bringUp } from "../../src/actions/up.ts";
import type { Flags } from "../../src/cli/flags.ts";
import { readFacts } from "../../src/facts/read-facts.ts";
import { Site } from "../environment/site.ts";

const KEY = "arn:aws:kms:us-east-1:123456789012:key/0ea3fef3";
const SCALING = "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling";
const SPOT = "role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot";
const ASKED = "GetEbsDefaultKmsKeyId";

beforeEach(() => {
  const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  return () => write.mockRestore();
});

async function chooseKey({ lab }: Site, KmsKeyId = KEY): Promise<void> {
  await lab.cloud.ec2.send(new ModifyEbsDefaultKmsKeyIdCommand({ KmsKeyId }));
}

/** What was said of the key, and what was asked of AWS before and after it was. */
async function run(site: Site, verb: "up" | "bake-ami", flags: Flags = {}, yaml = "") {
  const before = site.lab.calls.length;
  const { session, events } = await site.open(yaml, flags);
  if (verb === "up") await bringUp(session, await readFacts(session), () => undefined);
  else await bringUp(session, await factsForBake(session), bakeTargets);
  const warnings = events.flatMap((event) =>
    event.type === "note" && event.text.includes("encrypts disks") ? [event.text] : [],
  );
  return { warnings, calls: site.lab.calls.slice(before).map(({ operation }) => operation) };
}

it("a dry run names the account's own key and the role that must be let use it, with Spot both roles", async () => {
  const site = new Site();
  await chooseKey(site);
  const { warnings } = await run(site, "up", { dryRun: true });
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain(KEY);
  expect(warnings[0]).toContain(`arn:aws:iam::123456789012:${SCALING}`);
  expect(warnings[0]).not.toContain("Spot");
  const spot = await run(site, "up", { dryRun: true }, "compute: { purchase: spot }");
  expect(spot.warnings[0]).toContain(`arn:aws:iam::123456789012:${SPOT}`);
});

it("roles are of the partition that the key is in", async () => {
  const china = new Site("cn-northwest-1");
  await chooseKey(china, "alias/lab");
  const { warnings } = await run(china, "up", { dryRun: true });
  expect(warnings[0]).toContain(`arn:aws-cn:iam::123456789012:${SCALING}`);
  expect(warnings[0]).toContain("arn:aws-cn:kms:cn-northwest-1:123456789012:alias/lab");
});

it("the key is spoken of before a machine is started, at each bake, and at no other time", async () => {
  const site = new Site();
  await chooseKey(site);
  const first = await run(site, "up");
  expect(first.warnings).toHaveLength(1);
  expect(first.calls.indexOf(ASKED)).toBeGreaterThan(0);
  expect(first.calls.indexOf(ASKED)).toBeLessThan(first.calls.indexOf("CreateSecurityGroup"));
  const second = await run(site, "up");
  expect([second.warnings, second.calls.includes(ASKED)]).toEqual([[], false]);
  expect((await run(site, "bake-ami")).warnings).toEqual([]);
  expect((await run(site, "bake-ami", { force: true, dryRun: true })).warnings).toHaveLength(1);
});

it.each([undefined, "arn:aws:kms:us-east-1:123456789012:alias/aws/ebs"])(
  "nothing is said of AWS's own key, chosen as %s",
  async (key) => {
    const site = new Site();
    if (key) await chooseKey(site, key);
    const { warnings, calls } = await run(site, "up", { dryRun: true });
    expect(warnings).toEqual([]);
    expect(calls).toContain(ASKED);
  },
);

it.each(["UnauthorizedOperation", "InvalidAction", "UnknownOperationException"])(
  "nothing is said where AWS answers %s",
  async (code) => {
    const site = new Site();
    await chooseKey(site);
    site.lab.faults.push({ operation: ASKED, error: { code } });
    const { warnings, calls } = await run(site, "up", { dryRun: true });
    expect(warnings).toEqual([]);
    expect(calls).toContain(ASKED);
  },
);
