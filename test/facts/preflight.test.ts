import { describe, expect, it } from "vitest";
import type { InstanceTypeFacts } from "../../src/aws/facts.ts";
import type { WorkloadConfig } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import { WORKLOADS_FOLDER } from "../../src/config/workloads.ts";
import { demandFit } from "../../src/facts/preflight.ts";

const fast: InstanceTypeFacts = {
  ...{
    instanceType: "c5d.9xlarge",
    vcpus: 36,
    memoryMiB: 73_728,
    architecture: "x86_64",
    diskSizesGB: [900],
    nvme: true,
  },
};
const bare: InstanceTypeFacts = {
  ...fast,
  instanceType: "m5.large",
  vcpus: 2,
  memoryMiB: 8192,
  diskSizesGB: [],
  nvme: false,
};
const arm: InstanceTypeFacts = { ...fast, instanceType: "c6gd.4xlarge", architecture: "arm64" };

type Change = (workload: WorkloadConfig) => Partial<WorkloadConfig>;

async function demand(instanceTypes: readonly InstanceTypeFacts[], change: Change = () => ({})): Promise<void> {
  const [preset] = resolveConfig(await loadConfig({ workloadsFolder: WORKLOADS_FOLDER }), "us-east-1").workloads;
  demandFit({ workloads: [{ ...preset, ...change(preset) }] }, { [preset.name]: { instanceTypes } });
}

describe("what no machine could ever run is refused", () => {
  it("lets the preset pass on its own instance type", async () => {
    await expect(demand([fast])).resolves.toBeUndefined();
  });

  it.each<[string, Change, InstanceTypeFacts[], RegExp]>([
    [
      "a type without disks under instance-store scratch",
      () => ({}),
      [fast, bare],
      /instanceTypes: m5\.large: no disks/,
    ],
    [
      "disks that are not NVMe under instance-store scratch",
      () => ({}),
      [fast, { ...fast, instanceType: "d2.8xlarge", nvme: false }],
      /instanceTypes: d2\.8xlarge: its own disks are not NVMe/,
    ],
    ["a type of another architecture", () => ({}), [fast, arm], /c6gd\.4xlarge: not x86_64/],
    [
      "more memory than a job can have",
      ({ job }) => ({ job: { ...job, memoryMiB: 74_000 } }),
      [fast],
      /memoryMiB: 74000 .* 71516/,
    ],
    ["more vCPUs than a machine has", ({ job }) => ({ job: { ...job, vcpus: 37 } }), [fast], /vcpus: 37 given.*36/],
    [
      "room for less than one machine",
      ({ compute }) => ({ compute: { ...compute, maxVcpus: 16 } }),
      [fast],
      /maxVcpus: 16/,
    ],
  ])("%s", async (_what, change, types, message) => {
    await expect(demand(types, change)).rejects.toThrow(message);
  });

  it("takes a type without disks when scratch does not need them", async () => {
    await expect(demand([bare], () => ({ scratch: { kind: "none" } }))).resolves.toBeUndefined();
  });
});
