import { expect, it } from "vitest";
import { World } from "../../sandbox/world.ts";
import { bakeAmi } from "../../src/actions/bake-ami.ts";
import type { Options } from "../../src/actions/options.ts";
import { up } from "../../src/actions/up.ts";
import { Site } from "../environment/site.ts";
import { jumpingClock } from "../jumping-clock.ts";
import { lab } from "../steps/harness.ts";

const ASKED = "GetServiceQuota";

/** An account that may run so many vCPUs on demand. */
async function accountOf(vCpus: number): Promise<Site> {
  const now = jumpingClock().now();
  const world = World.fresh(7, { virtualMs: now, wallMs: now, speed: 1 });
  await run(new Site("us-east-1", lab("us-east-1", { world })), { dryRun: true });
  const text = world.toText();
  expect(text).toMatch(/"vCpuQuota": ?5000/);
  const limited = World.parse(text.replace(/"vCpuQuota": ?5000/, `"vCpuQuota":${vCpus}`));
  return new Site("us-east-1", lab("us-east-1", { world: limited, oversleep: 10 }));
}

async function run(site: Site, options: Options = {}, yaml = "") {
  const { notes, calls } = await site.run(up, { ...options, yaml });
  return {
    warnings: notes.filter((text) => text.includes("vCPUs")),
    asked: calls.filter(({ operation }) => operation === ASKED).length,
  };
}

it("up says before anything is made that no node can start under the account's quota, and how to ask for more", async () => {
  const site = await accountOf(32);
  const { warnings } = await run(site, { dryRun: true });
  expect(warnings).toEqual([
    `this account may run 32 vCPUs of standard on-demand instances at once in us-east-1: not one c5d.9xlarge (36 vCPUs) can start, and jobs stay RUNNABLE.
To ask AWS for more: aws service-quotas request-service-quota-increase --region us-east-1 --service-code ec2 --quota-code L-1216C47A --desired-value 144`,
  ]);
});

it("up says that fewer jobs run at once than the config allows", async () => {
  const { warnings } = await run(await accountOf(100), { dryRun: true });
  expect(warnings).toEqual([expect.stringContaining("jobs beyond them wait, although compute.maxVcpus is 144")]);
});

it("a quota is asked for when a compute environment is made or changed, and at no other time", async () => {
  const site = new Site();
  expect(await run(site)).toEqual({ warnings: [], asked: 1 });
  expect((await run(site)).asked).toBe(0);
  expect(
    (await site.run(bakeAmi, { force: true, dryRun: true })).calls.map(({ operation }) => operation),
  ).not.toContain(ASKED);
  expect((await run(site, { dryRun: true }, "compute: { maxVcpus: 4000 }")).asked).toBe(1);
  expect((await run(site, { dryRun: true }, "compute: { maxVcpus: 6000 }")).warnings).toHaveLength(1);
});

it("Spot has a quota of its own, of which AWS may know the default only", async () => {
  const { warnings } = await run(new Site(), { dryRun: true }, "compute: { purchase: spot, maxVcpus: 6000 }");
  expect(warnings).toEqual([expect.stringMatching(/5000 vCPUs of standard spot instances(.|\n)*L-34B43A08/)]);
});

it("nothing is said where AWS does not say what the quota is, nor of families with quotas of their own", async () => {
  const site = await accountOf(32);
  site.lab.faults.push({ operation: ASKED, error: { code: "AccessDeniedException", status: 400 } });
  expect(await run(site, { dryRun: true })).toEqual({ warnings: [], asked: 1 });
  const gpus = "compute: { instanceTypes: [g4dn.xlarge] }\njob: { vcpus: 4, memoryMiB: 8192 }";
  expect(await run(site, { dryRun: true }, gpus)).toEqual({ warnings: [], asked: 0 });
});
