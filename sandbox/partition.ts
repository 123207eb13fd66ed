/** AWS's regions as the sandbox knows them: partition, DNS suffix and the letters of their zones. */

interface Partition {
  readonly name: "aws" | "aws-cn" | "aws-us-gov";
  readonly dnsSuffix: string;
  readonly zoneLetters: Readonly<Record<string, string>>;
}

const PARTITIONS: readonly Partition[] = [
  {
    name: "aws",
    dnsSuffix: "amazonaws.com",
    zoneLetters: {
      "af-south-1": "abc",
      "ap-east-1": "abc",
      "ap-east-2": "abc",
      "ap-northeast-1": "acd",
      "ap-northeast-2": "abcd",
      "ap-northeast-3": "abc",
      "ap-south-1": "abc",
      "ap-south-2": "abc",
      "ap-southeast-1": "abc",
      "ap-southeast-2": "abc",
      "ap-southeast-3": "abc",
      "ap-southeast-4": "abc",
      "ap-southeast-5": "abc",
      "ap-southeast-7": "abc",
      "ca-central-1": "abd",
      "ca-west-1": "abc",
      "eu-central-1": "abc",
      "eu-central-2": "abc",
      "eu-north-1": "abc",
      "eu-south-1": "abc",
      "eu-south-2": "abc",
      "eu-west-1": "abc",
      "eu-west-2": "abc",
      "eu-west-3": "abc",
      "il-central-1": "abc",
      "me-central-1": "abc",
      "me-south-1": "abc",
      "mx-central-1": "abc",
      "sa-east-1": "abc",
      "us-east-1": "abcdef",
      "us-east-2": "abc",
      "us-west-1": "ac",
      "us-west-2": "abcd",
    },
  },
  { name: "aws-cn", dnsSuffix: "amazonaws.com.cn", zoneLetters: { "cn-north-1": "abd", "cn-northwest-1": "abc" } },
  {
    name: "aws-us-gov",
    dnsSuffix: "amazonaws.com",
    zoneLetters: { "us-gov-east-1": "abc", "us-gov-west-1": "abc" },
  },
];

/** A few of the local zones: a subnet in one is far from its region's other zones, and few types are offered there. */
const LOCAL_ZONES: Readonly<Record<string, readonly string[]>> = {
  "us-east-1": ["us-east-1-atl-1a", "us-east-1-dfw-1a"],
  "us-west-2": ["us-west-2-lax-1a", "us-west-2-phx-1a"],
};

/** Undefined when no partition has this region. */
export function partitionOf(region: string): Pick<Partition, "name" | "dnsSuffix"> | undefined {
  return PARTITIONS.find(({ zoneLetters }) => region in zoneLetters);
}

/** The regions one can see from `region`: those of its own partition. */
export function regionsBeside(region: string): readonly string[] {
  return Object.keys(PARTITIONS.find(({ zoneLetters }) => region in zoneLetters)?.zoneLetters ?? {});
}

/** Zone names of a region: us-east-1a, us-east-1b … */
export function zonesOf(region: string): readonly string[] {
  const letters = PARTITIONS.find(({ zoneLetters }) => region in zoneLetters)?.zoneLetters[region] ?? "";
  return [...letters].map((letter) => `${region}${letter}`);
}

export function localZonesOf(region: string): readonly string[] {
  return LOCAL_ZONES[region] ?? [];
}

export function isLocalZone(zone: string): boolean {
  // us-west-2-lax-1a, and not us-gov-west-1a.
  return /-\d-[a-z]+-\d[a-z]$/.test(zone);
}
