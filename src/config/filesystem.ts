import type { FilesystemConfig } from "./config.ts";
import { type LustreVersion, MOUNTS, nearestCapacities, OFFERS, regionOffer } from "./filesystem-rules.ts";
import type { Problem } from "./problem.ts";
import type { CompleteConfig } from "./schema.ts";

/** Keys whose value is chosen here where the config has none; a pin that still fits comes before our choice. */
export const PINNED = ["deploymentType", "capacityGiB", "throughputPerTiB", "lustreVersion"] as const;

export type Pins = Readonly<Record<string, string>>;

/** Fills the open keys of a file system by what AWS offers there, or says which of the given ones cannot be had. */
export function resolveFilesystem(
  wanted: CompleteConfig["filesystem"],
  { region, os, pins }: { readonly region: string; readonly os: keyof typeof MOUNTS; readonly pins: Pins },
): FilesystemConfig | readonly Problem[] {
  const here = regionOffer(region);
  const at = (key: keyof CompleteConfig["filesystem"], text: string): Problem => ({ path: ["filesystem", key], text });
  const pinned = <V>(key: (typeof PINNED)[number], allowed: readonly V[]): V | undefined =>
    allowed.find((value) => String(value) === pins[`filesystem.${key}`]);

  const types = here.only ?? [...new Set(OFFERS.map(({ deploymentType }) => deploymentType))];
  const first = wanted.storageType === "HDD" ? "PERSISTENT_1" : here.first;
  const deploymentType = wanted.deploymentType ?? pinned("deploymentType", types) ?? first;
  if (!types.includes(deploymentType)) {
    return [at("deploymentType", `${deploymentType} is not offered in ${region}; allowed there: ${types.join(", ")}`)];
  }

  const ofType = OFFERS.filter((offer) => offer.deploymentType === deploymentType);
  const offers = ofType.filter(({ storageType }) => storageType === wanted.storageType);
  if (offers.length === 0) {
    const allowed = ofType.map(({ storageType }) => storageType).join(", ");
    return [at("storageType", `${deploymentType} has no ${wanted.storageType}; allowed: ${allowed}`)];
  }

  const problems: Problem[] = [];
  const kind = `${deploymentType} ${wanted.storageType}`;
  const throughputs = offers.flatMap(({ throughputsPerTiB }) => throughputsPerTiB);
  const throughputPerTiB = wanted.throughputPerTiB ?? pinned("throughputPerTiB", throughputs) ?? throughputs[0];
  if (throughputPerTiB !== undefined && !throughputs.includes(throughputPerTiB)) {
    problems.push(
      at("throughputPerTiB", `${kind} has no ${throughputPerTiB} MB/s/TiB; ${allowedThroughputs(kind, throughputs)}`),
    );
  }

  const fitting = offers.filter(({ throughputsPerTiB }) => throughputsPerTiB.includes(throughputPerTiB ?? -1));
  const [offer] = fitting.length > 0 ? fitting : offers;
  const { smallest, step } = offer!.capacitiesGiB;
  const capacityGiB = wanted.capacityGiB ?? (Number(pins["filesystem.capacityGiB"]) || smallest);
  const nearest = nearestCapacities(capacityGiB, offer!.capacitiesGiB);
  // Steps of HDD go by the throughput: without a valid one there is nothing to say about them.
  if (!nearest.includes(capacityGiB) && (problems.length === 0 || offers.length === 1)) {
    const steps = smallest === step ? `steps of ${step}` : `${smallest}, then steps of ${step}`;
    problems.push(
      at("capacityGiB", `${capacityGiB} GiB cannot be had; nearest: ${nearest.join(" or ")} (${kind}: ${steps})`),
    );
  }

  const offered = offer!.lustreVersions.filter((version) => here.lustreVersions.includes(version));
  const versions = offered.filter((version) => (MOUNTS[os] as readonly LustreVersion[]).includes(version));
  const lustreVersion = wanted.lustreVersion ?? pinned("lustreVersion", versions) ?? versions.at(-1)!;
  if (!versions.includes(lustreVersion)) {
    const why = offered.includes(lustreVersion)
      ? `the Lustre client of ${os} cannot mount ${lustreVersion}`
      : `${deploymentType} in ${region} has no ${lustreVersion}`;
    problems.push(at("lustreVersion", `${why}; allowed: ${versions.join(", ")}`));
  }

  if (wanted.driveCache && wanted.storageType !== "HDD")
    problems.push(at("driveCache", "goes with storageType HDD only"));
  if (wanted.kmsKeyId && !offer!.takesKmsKey) {
    problems.push(at("kmsKeyId", `${deploymentType} takes no key of yours; PERSISTENT_1 and PERSISTENT_2 do`));
  }
  if (problems.length > 0) return problems;

  const { storageType, compression, kmsKeyId, mountPoint, directories } = wanted;
  return {
    deploymentType,
    storageType,
    capacityGiB,
    throughputPerTiB,
    lustreVersion,
    metadataMode: deploymentType === "PERSISTENT_2" && lustreVersion === "2.15" ? "AUTOMATIC" : undefined,
    compression,
    driveCache: storageType === "HDD" ? (wanted.driveCache ?? "NONE") : undefined,
    kmsKeyId,
    mountPoint,
    directories,
  };
}

function allowedThroughputs(kind: string, throughputs: readonly number[]): string {
  const byKind = new Map<string, readonly number[]>();
  for (const { deploymentType, storageType, throughputsPerTiB } of OFFERS) {
    const other = `${deploymentType} ${storageType}`;
    byKind.set(other, [...(byKind.get(other) ?? []), ...throughputsPerTiB]);
  }
  const others = [...byKind].filter(([other, offered]) => other !== kind && offered.length > 0);
  const own = throughputs.length > 0 ? `allowed: ${throughputs.join(", ")}` : "leave it out";
  return `${own} (${others.map(([other, offered]) => `${other}: ${offered.join(", ")}`).join("; ")})`;
}
