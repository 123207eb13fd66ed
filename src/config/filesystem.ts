import type { FilesystemConfig } from "./config.ts";
import { type LustreVersion, MOUNTS, nearestCapacities, type Offer, regionOffer } from "./filesystem-rules.ts";
import type { Problem } from "./problem.ts";
import type { CompleteConfig } from "./schema.ts";

/** Keys whose value is chosen here where the config has none; a pin that still fits comes before our choice. */
export const PINNED = [
  "deploymentType",
  "storageType",
  "capacityGiB",
  "throughputPerTiB",
  "lustreVersion",
  "driveCache",
] as const;

export type Pins = Readonly<Record<string, string>>;

interface Circumstances {
  readonly region: string;
  readonly os: keyof typeof MOUNTS;
  readonly pins: Pins;
}

interface Resolved {
  readonly filesystem?: FilesystemConfig;
  /** None where it is resolved. */
  readonly problems: readonly Problem[];
}

/** Fills the open keys of a file system by what AWS offers there, or says which of the given ones cannot be had. */
export function resolveFilesystem(wanted: CompleteConfig["filesystem"], { region, os, pins }: Circumstances): Resolved {
  const here = regionOffer(region);
  const at = (key: keyof CompleteConfig["filesystem"], text: string): Problem => ({ path: ["filesystem", key], text });
  const pinned = <V>(key: (typeof PINNED)[number], allowed: readonly V[]): V | undefined =>
    allowed.find((value) => String(value) === pins[`filesystem.${key}`]);

  const types = [...new Set(here.offers.map(({ deploymentType }) => deploymentType))];
  const withStorage = here.offers.filter(({ storageType }) => storageType === (wanted.storageType ?? storageType));
  const first = wanted.storageType === "HDD" ? "PERSISTENT_1" : here.first;
  const before = pinned(
    "deploymentType",
    withStorage.map(({ deploymentType }) => deploymentType),
  );
  const deploymentType = wanted.deploymentType ?? before ?? first;
  if (wanted.deploymentType === undefined && !types.includes(deploymentType)) {
    return { problems: [at("storageType", `there is no HDD in ${region}`)] };
  }
  if (!types.includes(deploymentType)) {
    const text = `${deploymentType} is not offered in ${region}; allowed there: ${types.join(", ")}`;
    return { problems: [at("deploymentType", text)] };
  }

  const ofType = here.offers.filter((offer) => offer.deploymentType === deploymentType);
  const storageTypes = [...new Set(ofType.map(({ storageType }) => storageType))];
  const storageType = wanted.storageType ?? pinned("storageType", storageTypes) ?? "SSD";
  const offers = ofType.filter((offer) => offer.storageType === storageType);
  if (offers.length === 0) {
    const text = `${deploymentType} has no ${storageType}; allowed: ${storageTypes.join(", ")}`;
    return { problems: [at("storageType", text)] };
  }

  const problems: Problem[] = [];
  const kind = `${deploymentType} ${storageType}`;
  const throughputs = offers.flatMap(({ throughputsPerTiB }) => throughputsPerTiB);
  const throughputPerTiB = wanted.throughputPerTiB ?? pinned("throughputPerTiB", throughputs) ?? throughputs[0];
  if (throughputPerTiB !== undefined && !throughputs.includes(throughputPerTiB)) {
    problems.push(
      at(
        "throughputPerTiB",
        `${kind} has no ${throughputPerTiB} MB/s/TiB; ${allowedThroughputs(here.offers, kind, throughputs)}`,
      ),
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

  const offered = offer!.lustreVersions;
  const versions = offered.filter((version) => (MOUNTS[os] as readonly LustreVersion[]).includes(version));
  const newest = versions.findLast((version) => Number(version) <= Number(here.newest)) ?? versions.at(-1)!;
  // Another one is never chosen for a file system that is there: that would raise it for good.
  const lustreVersion = wanted.lustreVersion ?? pinned("lustreVersion", offered) ?? newest;
  if (!versions.includes(lustreVersion)) {
    const why = offered.includes(lustreVersion)
      ? `the Lustre client of ${os} cannot mount ${lustreVersion}`
      : `${deploymentType} has no ${lustreVersion}`;
    const until = wanted.lustreVersion === undefined ? ", which the file system has" : "";
    problems.push(at("lustreVersion", `${why}${until}; allowed: ${versions.join(", ")}`));
  }

  if (wanted.driveCache && storageType !== "HDD") problems.push(at("driveCache", "goes with storageType HDD only"));
  if (wanted.kmsKeyId && !offer!.takesKmsKey) {
    problems.push(at("kmsKeyId", `${deploymentType} takes no key of yours; PERSISTENT_1 and PERSISTENT_2 do`));
  }
  if (problems.length > 0) return { problems };

  const { compression, kmsKeyId, mountPoint, directories } = wanted;
  const filesystem = {
    ...{ deploymentType, storageType, capacityGiB, throughputPerTiB, lustreVersion },
    ...{ compression, kmsKeyId, mountPoint, directories },
    driveCache: storageType === "HDD" ? (wanted.driveCache ?? pinned("driveCache", DRIVE_CACHES) ?? "NONE") : undefined,
  };
  return { filesystem, problems };
}

/** What cannot be had there, whatever an earlier run may have chosen. */
export function neverHad(
  wanted: CompleteConfig["filesystem"],
  place: Pick<Circumstances, "region" | "os">,
): readonly Problem[] {
  const choices = regionOffer(place.region).offers.flatMap(({ deploymentType, storageType, throughputsPerTiB }) =>
    [undefined, ...throughputsPerTiB].map((throughput) => ({
      "filesystem.deploymentType": deploymentType,
      "filesystem.storageType": storageType,
      ...(throughput !== undefined && { "filesystem.throughputPerTiB": String(throughput) }),
    })),
  );
  const tried = [{}, ...choices].map((pins) => resolveFilesystem(wanted, { ...place, pins }).problems);
  return tried.some(({ length }) => length === 0) ? [] : tried[0]!;
}

const DRIVE_CACHES = ["NONE", "READ"] as const;

function allowedThroughputs(here: readonly Offer[], kind: string, throughputs: readonly number[]): string {
  const byKind = new Map<string, readonly number[]>();
  for (const { deploymentType, storageType, throughputsPerTiB } of here) {
    const other = `${deploymentType} ${storageType}`;
    byKind.set(other, [...(byKind.get(other) ?? []), ...throughputsPerTiB]);
  }
  const others = [...byKind].filter(([other, offered]) => other !== kind && offered.length > 0);
  const own = throughputs.length > 0 ? `allowed: ${throughputs.join(", ")}` : "leave it out";
  return `${own} (${others.map(([other, offered]) => `${other}: ${offered.join(", ")}`).join("; ")})`;
}
