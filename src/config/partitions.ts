import { ConfigError } from "../engine/errors.ts";

/** A set of regions with its own accounts: the second field of every ARN. */
export interface Partition {
  readonly id: "aws" | "aws-cn" | "aws-us-gov" | "aws-eusc";
  /** Of service endpoints and ECR registries; FSx file systems in China do not follow it. */
  readonly dnsSuffix: string;
}

const PLACE = "(?:central|(?:north|south)(?:east|west)?|east|west)";

const PARTITIONS: readonly (Partition & { readonly regions: RegExp })[] = [
  { id: "aws-cn", dnsSuffix: "amazonaws.com.cn", regions: new RegExp(`^cn-${PLACE}-\\d$`) },
  { id: "aws-us-gov", dnsSuffix: "amazonaws.com", regions: new RegExp(`^us-gov-${PLACE}-\\d$`) },
  { id: "aws-eusc", dnsSuffix: "amazonaws.eu", regions: new RegExp(`^eusc-[a-z]{2}-${PLACE}-\\d$`) },
  { id: "aws", dnsSuffix: "amazonaws.com", regions: new RegExp(`^(?:us|eu|ap|sa|ca|me|af|il|mx)-${PLACE}-\\d$`) },
];

/** The partition a region lies in; throws `ConfigError` for what cannot be a region's name. */
export function partitionOf(region: string): Partition {
  const found = PARTITIONS.find(({ regions }) => regions.test(region));
  if (!found) throw new ConfigError(`${JSON.stringify(region)} is not an AWS region`, regionHint(region));
  return { id: found.id, dnsSuffix: found.dnsSuffix };
}

/** Whether this can be a region's name; no list is kept, because AWS adds regions. */
export function isRegion(text: string): boolean {
  return PARTITIONS.some(({ regions }) => regions.test(text));
}

function regionHint(text: string): string {
  const withoutZone = text
    .trim()
    .toLowerCase()
    .replace(/[a-z]$/, "");
  return isRegion(withoutZone)
    ? `a region has no letter at its end: --region ${withoutZone}`
    : "give one such as us-east-1, eu-central-1 or cn-northwest-1";
}
