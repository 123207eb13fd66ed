import { ModifyEbsDefaultKmsKeyIdCommand } from "@aws-sdk/client-ec2";
import { expect, it } from "vitest";
import { bakeAmi } from "../../src/actions/bake-ami.ts";
import type { Options } from "../../src/actions/options.ts";
import { up } from "../../src/actions/up.ts";
import { Site } from "../environment/site.ts";

const KEY = "arn:aws:kms:us-east-1:123456789012:key/0ea3fef3";
const SCALING = "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling";
const SPOT = "role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot";
const ASKED = "GetEbsDefaultKmsKeyId";

async function chooseKey({ lab }: Site, KmsKeyId = KEY): Promise<void> {
  await lab.cloud.ec2.send(new ModifyEbsDefaultKmsKeyIdCommand({ KmsKeyId }));
}

/** What was said of the key, and what was asked of AWS before and after it was. */
async function run(site: Site, verb: "up" | "bake-ami", options: Options = {}, yaml = "") {
  const { notes, calls } = await site.run(verb === "up" ? up : bakeAmi, { ...options, yaml });
  return {
    warnings: notes.filter((text) => text.includes("encrypts disks")),
    calls: calls.map(({ operation }) => operation),
  };
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
