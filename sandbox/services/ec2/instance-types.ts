import type { _InstanceType, ArchitectureType, InstanceTypeInfo } from "@aws-sdk/client-ec2";
import { isLocalZone, zonesOf } from "../../partition.ts";
import { Refusal } from "../../service.ts";
import { chosen, listed } from "./listing.ts";
import { enabledZones, zoneIdOf } from "./regions.ts";
import type { Ec2Operations } from "./slice.ts";

/** What the sandbox knows of an instance type; the numbers are AWS's. */
export interface InstanceTypeFacts {
  readonly id: string;
  readonly family: string;
  readonly vCpus: number;
  readonly memoryMiB: number;
  readonly architecture: "x86_64" | "arm64";
  readonly burstable: boolean;
  readonly gigabits: string;
  /** Instance store, NVMe unless the family is of old: so many disks of so many GB. */
  readonly disks?: { readonly count: number; readonly sizeGB: number } | undefined;
}

/** Families before Nitro: no NVMe. */
const XEN: ReadonlySet<string> = new Set(["t2", "d2"]);

type Architecture = InstanceTypeFacts["architecture"];

interface Family {
  readonly memoryPerVCpuGiB: number;
  readonly sizes: string;
  /** In the order of the sizes: count x GB. */
  readonly disks?: string;
  readonly architecture?: Architecture;
}

const SEVENTH = "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge";

const FAMILIES: Readonly<Record<string, Family>> = {
  c5: { memoryPerVCpuGiB: 2, sizes: "large xlarge 2xlarge 4xlarge 9xlarge 12xlarge 18xlarge 24xlarge" },
  c5d: {
    memoryPerVCpuGiB: 2,
    sizes: "large xlarge 2xlarge 4xlarge 9xlarge 12xlarge 18xlarge 24xlarge",
    disks: "1x50 1x100 1x200 1x400 1x900 2x900 2x900 4x900",
  },
  c6g: {
    memoryPerVCpuGiB: 2,
    sizes: "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge",
    architecture: "arm64",
  },
  "c7i-flex": { memoryPerVCpuGiB: 2, sizes: "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge" },
  c7g: {
    memoryPerVCpuGiB: 2,
    sizes: "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge",
    architecture: "arm64",
  },
  c7i: { memoryPerVCpuGiB: 2, sizes: SEVENTH },
  m7g: {
    memoryPerVCpuGiB: 4,
    sizes: "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge",
    architecture: "arm64",
  },
  "m7i-flex": { memoryPerVCpuGiB: 4, sizes: "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge" },
  m7i: { memoryPerVCpuGiB: 4, sizes: SEVENTH },
  r7g: {
    memoryPerVCpuGiB: 8,
    sizes: "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge",
    architecture: "arm64",
  },
  r7i: { memoryPerVCpuGiB: 8, sizes: SEVENTH },
  i4g: {
    memoryPerVCpuGiB: 8,
    sizes: "large xlarge 2xlarge 4xlarge 8xlarge 16xlarge",
    disks: "1x468 1x937 1x1875 1x3750 2x3750 4x3750",
    architecture: "arm64",
  },
  c6i: { memoryPerVCpuGiB: 2, sizes: "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge" },
  c6id: {
    memoryPerVCpuGiB: 2,
    sizes: "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge",
    disks: "1x118 1x237 1x474 1x950 1x1900 2x1425 2x1900 4x1425 4x1900",
  },
  d2: {
    memoryPerVCpuGiB: 7.625,
    sizes: "xlarge 2xlarge 4xlarge",
    disks: "3x2000 6x2000 12x2000",
  },
  i3en: {
    memoryPerVCpuGiB: 8,
    sizes: "large xlarge 2xlarge 3xlarge 6xlarge 12xlarge 24xlarge",
    disks: "1x1250 1x2500 2x2500 1x7500 2x7500 4x7500 8x7500",
  },
  i4i: {
    memoryPerVCpuGiB: 8,
    sizes: "large xlarge 2xlarge 4xlarge 8xlarge 16xlarge 32xlarge",
    disks: "1x468 1x937 1x1875 1x3750 2x3750 4x3750 8x3750",
  },
  m5: { memoryPerVCpuGiB: 4, sizes: "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge" },
  m5d: {
    memoryPerVCpuGiB: 4,
    sizes: "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge",
    disks: "1x75 1x150 1x300 2x300 2x600 2x900 4x600 4x900",
  },
  m6i: { memoryPerVCpuGiB: 4, sizes: "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge" },
  m6id: {
    memoryPerVCpuGiB: 4,
    sizes: "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge",
    disks: "1x118 1x237 1x474 1x950 1x1900 2x1425 2x1900 4x1425 4x1900",
  },
  r5: { memoryPerVCpuGiB: 8, sizes: "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge" },
  r5d: {
    memoryPerVCpuGiB: 8,
    sizes: "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge",
    disks: "1x75 1x150 1x300 2x300 2x600 2x900 4x600 4x900",
  },
  r6i: { memoryPerVCpuGiB: 8, sizes: "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge" },
  r6id: {
    memoryPerVCpuGiB: 8,
    sizes: "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge",
    disks: "1x118 1x237 1x474 1x950 1x1900 2x1425 2x1900 4x1425 4x1900",
  },
};

const BURSTABLE_SIZES: Readonly<Record<string, readonly [vCpus: number, memoryMiB: number]>> = {
  nano: [2, 512],
  micro: [2, 1024],
  small: [2, 2048],
  medium: [2, 4096],
  large: [2, 8192],
  xlarge: [4, 16_384],
  "2xlarge": [8, 32_768],
};

const TYPES: ReadonlyMap<string, InstanceTypeFacts> = new Map(
  [...Object.entries(FAMILIES).flatMap(typesOf), ...["t2", "t3", "t4g"].flatMap(burstableTypesOf)].map((facts) => [
    facts.id,
    facts,
  ]),
);

export function instanceType(name: string): InstanceTypeFacts | undefined {
  return TYPES.get(name);
}

/** Every size of a family, for those who ask for a family: c5d. */
export function typesOfFamily(family: string): readonly InstanceTypeFacts[] {
  return [...TYPES.values()].filter((facts) => facts.family === family);
}

const IN_LOCAL_ZONES = new Set(["c5", "c5d", "m5", "r5", "t3"]);

/** In each region one zone has no c5d: us-east-1e there, the last one elsewhere. */
export function isOffered(type: string, zone: string): boolean {
  const facts = instanceType(type);
  if (facts === undefined) return false;
  if (isLocalZone(zone)) return IN_LOCAL_ZONES.has(facts.family);
  const region = zone.slice(0, -1);
  const without = region === "us-east-1" ? "us-east-1e" : zonesOf(region).at(-1);
  return facts.family !== "c5d" || zone !== without;
}

function typesOf([family, { memoryPerVCpuGiB, sizes, disks, architecture = "x86_64" as Architecture }]: [
  string,
  Family,
]): InstanceTypeFacts[] {
  const diskList = disks?.split(" ");
  return sizes.split(" ").map((size, index) => {
    const vCpus = vCpusOf(size);
    const [count, sizeGB] = diskList?.[index]?.split("x").map(Number) ?? [];
    return {
      id: `${family}.${size}`,
      family,
      vCpus,
      memoryMiB: vCpus * memoryPerVCpuGiB * 1024,
      architecture,
      burstable: false,
      gigabits: vCpus >= 96 ? "25 Gigabit" : vCpus >= 36 ? "12 Gigabit" : "Up to 10 Gigabit",
      disks: count !== undefined && sizeGB !== undefined ? { count, sizeGB } : undefined,
    };
  });
}

function vCpusOf(size: string): number {
  if (size === "medium") return 1;
  if (size === "large") return 2;
  return 4 * (Number.parseInt(size, 10) || 1);
}

function burstableTypesOf(family: string): InstanceTypeFacts[] {
  return Object.entries(BURSTABLE_SIZES).map(([size, [vCpus, memoryMiB]]) => ({
    id: `${family}.${size}`,
    family,
    vCpus: family === "t2" && memoryMiB <= 2048 ? 1 : vCpus,
    memoryMiB,
    architecture: family === "t4g" ? "arm64" : "x86_64",
    burstable: true,
    gigabits: family === "t2" ? "Low to Moderate" : "Up to 5 Gigabit",
  }));
}

export const instanceTypeOperations = {
  DescribeInstanceTypes(input, call) {
    const all = chosen([...TYPES.values()], input.InstanceTypes, (names) => {
      const words = `The following supplied instance types do not exist: [${names.join(", ")}]`;
      return new Refusal("InvalidInstanceType", words);
    });
    const { items, nextToken } = listed(
      call,
      input,
      all,
      {
        "bare-metal": () => false,
        "burstable-performance-supported": ({ burstable }) => burstable,
        "current-generation": ({ family }) => !XEN.has(family),
        "instance-storage-info.total-size-in-gb": ({ disks }) => disks && disks.count * disks.sizeGB,
        "instance-storage-supported": ({ disks }) => disks !== undefined,
        "instance-type": ({ id }) => id,
        "memory-info.size-in-mib": ({ memoryMiB }) => memoryMiB,
        "processor-info.supported-architecture": ({ architecture }) => architecture,
        "supported-usage-class": () => ["on-demand", "spot"],
        "vcpu-info.default-vcpus": ({ vCpus }) => vCpus,
      },
      [5, 100],
    );
    return { InstanceTypes: items.map(described), NextToken: nextToken };
  },

  DescribeInstanceTypeOfferings(input, call) {
    const locationType = input.LocationType ?? "region";
    const zones = enabledZones(call);
    const offered = [...TYPES.keys()].flatMap((type) => {
      const where = zones.filter((zone) => isOffered(type, zone));
      if (locationType === "region") return where.length > 0 ? [{ type, location: call.region }] : [];
      return where.map((zone) => ({ type, location: locationType === "availability-zone-id" ? zoneIdOf(zone) : zone }));
    });
    const all = offered.map((offering) => ({ ...offering, id: `${offering.type} ${offering.location}` }));
    const { items, nextToken } = listed(call, input, all, {
      "instance-type": ({ type }) => type,
      location: ({ location }) => location,
    });
    return {
      InstanceTypeOfferings: items.map(({ type, location }) => ({
        InstanceType: type as _InstanceType,
        LocationType: locationType,
        Location: location,
      })),
      NextToken: nextToken,
    };
  },
} satisfies Ec2Operations;

function described({
  id,
  vCpus,
  memoryMiB,
  architecture,
  burstable,
  gigabits,
  disks,
  family,
}: InstanceTypeFacts): InstanceTypeInfo {
  const threads = architecture === "arm64" || vCpus === 1 ? 1 : 2;
  const nitro = !XEN.has(family);
  return {
    InstanceType: id as _InstanceType,
    CurrentGeneration: nitro,
    FreeTierEligible: id === "t2.micro" || id === "t3.micro",
    SupportedUsageClasses: ["on-demand", "spot"],
    SupportedRootDeviceTypes: ["ebs"],
    SupportedVirtualizationTypes: ["hvm"],
    BareMetal: false,
    Hypervisor: nitro ? "nitro" : "xen",
    ProcessorInfo: {
      SupportedArchitectures: [architecture as ArchitectureType],
      Manufacturer: architecture === "arm64" ? "AWS" : "Intel",
    },
    VCpuInfo: { DefaultVCpus: vCpus, DefaultCores: vCpus / threads, DefaultThreadsPerCore: threads },
    MemoryInfo: { SizeInMiB: memoryMiB },
    InstanceStorageSupported: disks !== undefined,
    InstanceStorageInfo: disks && {
      TotalSizeInGB: disks.count * disks.sizeGB,
      Disks: [{ SizeInGB: disks.sizeGB, Count: disks.count, Type: nitro ? "ssd" : "hdd" }],
      NvmeSupport: nitro ? "required" : "unsupported",
      EncryptionSupport: nitro ? "required" : "unsupported",
    },
    EbsInfo: {
      EbsOptimizedSupport: nitro ? "default" : "unsupported",
      EncryptionSupport: "supported",
      NvmeSupport: nitro ? "required" : "unsupported",
    },
    NetworkInfo: {
      NetworkPerformance: gigabits,
      MaximumNetworkInterfaces: vCpus >= 36 ? 15 : 4,
      Ipv4AddressesPerInterface: vCpus >= 36 ? 50 : 15,
      Ipv6AddressesPerInterface: vCpus >= 36 ? 50 : 15,
      Ipv6Supported: true,
      EnaSupport: nitro ? "required" : "unsupported",
    },
    PlacementGroupInfo: {
      SupportedStrategies: burstable ? ["partition", "spread"] : ["cluster", "partition", "spread"],
    },
    HibernationSupported: false,
    BurstablePerformanceSupported: burstable,
    DedicatedHostsSupported: nitro,
    AutoRecoverySupported: disks === undefined,
    SupportedBootModes: nitro ? ["legacy-bios", "uefi"] : ["legacy-bios"],
  };
}
