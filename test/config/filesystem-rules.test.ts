import { describe, expect, it } from "vitest";
import { addressesOf } from "../../src/config/filesystem-rules.ts";

describe("addresses that a file system takes", () => {
  // One metadata server, and object servers of so much each: https://docs.aws.amazon.com/fsx/latest/LustreGuide/using-fsx-lustre.html
  it.each([
    [{ deploymentType: "PERSISTENT_2", storageType: "SSD", throughputPerTiB: 125, capacityGiB: 1200 }, 2],
    [{ deploymentType: "PERSISTENT_1", storageType: "SSD", throughputPerTiB: 50, capacityGiB: 12_000 }, 6],
    [{ deploymentType: "SCRATCH_2", storageType: "SSD", capacityGiB: 4800 }, 3],
    [{ deploymentType: "PERSISTENT_1", storageType: "HDD", throughputPerTiB: 12, capacityGiB: 12_000 }, 3],
    [{ deploymentType: "PERSISTENT_1", storageType: "HDD", throughputPerTiB: 40, capacityGiB: 3600 }, 3],
  ] as const)("%o: %i", (filesystem, addresses) => {
    expect(addressesOf(filesystem)).toBe(addresses);
  });
});
