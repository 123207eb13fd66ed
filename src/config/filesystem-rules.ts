import type { FilesystemConfig } from "./config.ts";

/** What FSx for Lustre offers: https://docs.aws.amazon.com/fsx/latest/LustreGuide/using-fsx-lustre.html */

type DeploymentType = FilesystemConfig["deploymentType"];
export type LustreVersion = FilesystemConfig["lustreVersion"];

/** One line of AWS's price list: which capacities and versions go with a type and a throughput. */
export interface Offer {
  readonly deploymentType: DeploymentType;
  readonly storageType: FilesystemConfig["storageType"];
  /** MB/s for each TiB; empty where it cannot be chosen. */
  readonly throughputsPerTiB: readonly number[];
  /** The smallest, then the multiples of the step. */
  readonly capacitiesGiB: { readonly smallest: number; readonly step: number };
  /** Oldest first. */
  readonly lustreVersions: readonly LustreVersion[];
  readonly takesKmsKey: boolean;
}

const SSD_CAPACITIES = { smallest: 1200, step: 2400 };
const ALL_VERSIONS = ["2.10", "2.12", "2.15"] as const;

export const OFFERS: readonly Offer[] = [
  {
    deploymentType: "SCRATCH_2",
    storageType: "SSD",
    throughputsPerTiB: [],
    capacitiesGiB: SSD_CAPACITIES,
    lustreVersions: ALL_VERSIONS,
    takesKmsKey: false,
  },
  {
    deploymentType: "PERSISTENT_1",
    storageType: "SSD",
    throughputsPerTiB: [50, 100, 200],
    capacitiesGiB: SSD_CAPACITIES,
    lustreVersions: ALL_VERSIONS,
    takesKmsKey: true,
  },
  {
    deploymentType: "PERSISTENT_1",
    storageType: "HDD",
    throughputsPerTiB: [12],
    capacitiesGiB: { smallest: 6000, step: 6000 },
    lustreVersions: ALL_VERSIONS,
    takesKmsKey: true,
  },
  {
    deploymentType: "PERSISTENT_1",
    storageType: "HDD",
    throughputsPerTiB: [40],
    capacitiesGiB: { smallest: 1800, step: 1800 },
    lustreVersions: ALL_VERSIONS,
    takesKmsKey: true,
  },
  {
    deploymentType: "PERSISTENT_2",
    storageType: "SSD",
    throughputsPerTiB: [125, 250, 500, 1000],
    capacitiesGiB: SSD_CAPACITIES,
    lustreVersions: ["2.12", "2.15"],
    takesKmsKey: true,
  },
];

/** Which versions the Lustre client of an operating system can mount, oldest first. */
export const MOUNTS = {
  al2023: ["2.12", "2.15"],
  al2: ALL_VERSIONS,
} as const satisfies Record<string, readonly LustreVersion[]>;

/** Regions of the commercial and government partitions where AWS lists no PERSISTENT_2. */
const WITHOUT_PERSISTENT_2: ReadonlySet<string> = new Set([
  "us-gov-east-1",
  "us-gov-west-1",
  "af-south-1",
  "ap-northeast-3",
  "ap-south-2",
  "ap-southeast-3",
  "ap-southeast-4",
  "eu-central-2",
  "eu-south-1",
  "eu-south-2",
  "eu-west-3",
  "me-central-1",
  "me-south-1",
  "sa-east-1",
]);

/** What AWS's table lists for its youngest regions, and nothing else. */
const SMALL_REGIONS: Readonly<Record<string, readonly DeploymentType[]>> = {
  "ap-east-2": ["PERSISTENT_2"],
  "ap-southeast-5": ["PERSISTENT_2"],
  "ap-southeast-7": ["PERSISTENT_2"],
  "ca-west-1": ["PERSISTENT_2"],
  "mx-central-1": ["PERSISTENT_2"],
  "il-central-1": ["PERSISTENT_2", "SCRATCH_2"],
};

/**
 * What a region has. `offers` is a rule and refuses everything else; `first` and `newest` are merely our choice where
 * the config makes none, since AWS fills gaps without a word: what the config names there is FSx's to refuse.
 */
interface RegionOffer {
  readonly offers: readonly Offer[];
  readonly first: DeploymentType;
  readonly newest: LustreVersion;
}

export function regionOffer(region: string): RegionOffer {
  // China's guide speaks of PERSISTENT_1 and of versions up to 2.12.
  if (region.startsWith("cn-")) return { offers: OFFERS, first: "PERSISTENT_1", newest: "2.12" };
  const types = SMALL_REGIONS[region];
  const offers = types
    ? OFFERS.filter(({ deploymentType }) => types.includes(deploymentType)).map((offer) => ({
        ...offer,
        throughputsPerTiB: offer.throughputsPerTiB.filter((throughput) => throughput <= 250),
      }))
    : OFFERS;
  return { offers, first: WITHOUT_PERSISTENT_2.has(region) ? "PERSISTENT_1" : "PERSISTENT_2", newest: "2.15" };
}

/** Addresses of its subnet that a file system takes: one for metadata, and one for each server of so much data. */
export function addressesOf(
  filesystem: Pick<FilesystemConfig, "deploymentType" | "storageType" | "throughputPerTiB" | "capacityGiB">,
): number {
  const { capacityGiB, throughputPerTiB = 0 } = filesystem;
  const offer = OFFERS.find(
    ({ deploymentType, storageType, throughputsPerTiB }) =>
      deploymentType === filesystem.deploymentType &&
      storageType === filesystem.storageType &&
      (throughputsPerTiB.length === 0 || throughputsPerTiB.includes(throughputPerTiB)),
  );
  return 1 + Math.ceil(capacityGiB / offer!.capacitiesGiB.step);
}

/** The capacity itself where it is offered; else the nearest below and above, in GiB. */
export function nearestCapacities(wantedGiB: number, { smallest, step }: Offer["capacitiesGiB"]): readonly number[] {
  if (wantedGiB <= smallest) return [smallest];
  const below = Math.max(smallest, Math.floor(wantedGiB / step) * step);
  return below === wantedGiB ? [below] : [below, Math.ceil(wantedGiB / step) * step];
}
