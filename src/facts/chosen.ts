import type { Cloud } from "../aws/clients.ts";
import { nodeFor, workloadOf } from "../aws/tags.ts";
import { RefusedError } from "../engine/errors.ts";
import { hint } from "../engine/hint.ts";
import type { Manifest, Pins } from "../engine/manifest/manifest.ts";
import type { Found } from "../engine/step.ts";
import { ami } from "../steps/ami.ts";
import { computeEnvironment } from "../steps/compute-environment.ts";
import { filesystem } from "../steps/filesystem/filesystem.ts";
import { securityGroup } from "../steps/security-group.ts";

interface Place {
  readonly name: string;
  readonly region: string;
  readonly cloud: Cloud;
  readonly manifest: Manifest;
  /** Whether the environment is to have a file system. */
  readonly lustre: boolean;
}

/** What was chosen before: as the manifest has it, and what that lacks as it lives. */
export async function chosenBefore(place: Place): Promise<Pins> {
  const { pins } = place.manifest;
  const whole = pins.subnetId && pins.baseImage && (!place.lustre || pins["filesystem.deploymentType"]);
  return whole ? pins : { ...(await chosenByWhatLives(place)), ...pins };
}

/** The pin of where a workload's jobs run; without a workload, of the first one's. */
export function subnetsPin(workload: string | undefined): string {
  return nodeFor("computeSubnetIds", workload);
}

const FIRST = "compute-environment";

async function chosenByWhatLives({ name, region, cloud, manifest }: Place): Promise<Pins> {
  const context = { name, region, cloud };
  const [disks, images, groups, environments] = await Promise.all([
    filesystem.find(context),
    ami.find(context),
    securityGroup.find(context),
    computeEnvironment.find(context),
  ]);
  const used = usedOf(disks, manifest);
  const disk = newest(used)?.output;
  const image = newest(images)?.output;
  const computing = newest(environments.filter(({ node }) => node === FIRST))?.output?.subnetIds;
  const subnetId = disk?.subnetId ?? computing?.[0];
  return stated({
    vpcId: newest(groups)?.output?.vpcId ?? disk?.vpcId,
    subnetId,
    ...Object.fromEntries(
      environments.filter(isOurs).map(({ node, output }) => {
        const subnets = output?.subnetIds.join();
        return [subnetsPin(workloadOf(node)), subnets === subnetId ? undefined : subnets];
      }),
    ),
    baseImage: image?.baseImageId,
    forcedAt: image?.forcedAt,
    ...Object.fromEntries(Object.entries(disk?.shape ?? {}).map(([key, value]) => [`filesystem.${key}`, value])),
  });
}

/** Which of several holds the data only a record can tell; without one none is chosen. */
function usedOf<O>(disks: readonly Found<O>[], { records, fresh }: Manifest): readonly Found<O>[] {
  const recorded = records.find(([, { kind }]) => kind === filesystem.kind)?.[1].ref;
  const known = disks.filter(({ ref }) => ref === recorded);
  if (known.length > 0) return known;
  const refs = disks
    .filter(({ owned, state }) => owned && (state === "ready" || state === "pending"))
    .map(({ ref }) => ref);
  if (refs.length < 2) return disks;
  const unknown = fresh ? "the manifest that knew which is used is gone" : "the manifest names none of them";
  throw new RefusedError(
    `${refs.length} file systems carry this environment's tags (${refs.sort().join(", ")}), and ${unknown}`,
    hint`take the tag bootstrap:env off those that are not to be used (aws fsx untag-resource), or remove them, then run the same command again; ${["teardown"]} removes all of them`,
  );
}

function stated(values: Readonly<Record<string, string | number | undefined>>): Pins {
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]])),
  );
}

function isOurs({ owned, output }: Found): boolean {
  return owned && output !== undefined;
}

function newest<O>(found: readonly Found<O>[]): Found<O> | undefined {
  return found
    .filter(isOurs)
    .sort(
      (a, b) =>
        Number(b.state === "ready") - Number(a.state === "ready") ||
        (b.createdAt?.getTime() ?? 0) - (a.createdAt?.getTime() ?? 0),
    )[0];
}
