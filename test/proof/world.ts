import type { BatchState, EnvironmentState } from "../../sandbox/services/batch/state.ts";
import type { Ec2Slice } from "../../sandbox/services/ec2/slice.ts";
import type { RepositoryState } from "../../sandbox/services/ecr/state.ts";
import type { FsxState } from "../../sandbox/services/fsx/state.ts";
import type { IamState } from "../../sandbox/services/iam/state.ts";
import type { LogGroupState } from "../../sandbox/services/logs/state.ts";
import type { ManifestFile } from "../../src/engine/manifest.ts";

/** One thing that stands in a world, read off the world itself and not through anything that is being proven. */
export interface Standing {
  readonly kind: string;
  /** Everything that makes it complete, in names that are the same in every world; ids are told as what they stand for. */
  readonly shape: string;
  readonly ref: string;
  readonly tags: Readonly<Record<string, string>>;
  /** An older generation, kept on purpose. */
  readonly spare?: boolean;
}

interface WorldFile {
  readonly slices: Readonly<Record<string, unknown>>;
}

/** Everything that somebody made in a region, and everything of its partition's IAM but AWS's own roles. */
export function standing(text: string, region: string): readonly Standing[] {
  const { slices } = JSON.parse(text) as WorldFile;
  const ec2 = slices[`ec2/${region}`] as Ec2Slice | undefined;
  const all: Standing[] = [];
  const partition = region.startsWith("cn-") ? "aws-cn" : "aws";
  const iam = (slices["iam/global"] as Record<string, IamState> | undefined)?.[partition];
  const name = namer(ec2);

  const disks = Object.values((slices[`fsx/${region}`] as FsxState | undefined)?.fileSystems ?? {}).filter(
    ({ lifecycle }) => lifecycle !== "DELETING",
  );
  for (const one of disks) {
    const interfaces = one.interfaceIds.map((id) => ec2?.interfaces[id]?.groupIds.map(name).join());
    const shape = [one.lifecycle, one.deploymentType, one.capacityGiB, one.throughputPerTiB, one.version];
    all.push(thing("filesystem", one.id, one.tags, [...shape, one.compression, name(one.subnetId), ...interfaces]));
  }

  if (ec2) {
    const tags = (id: string) => ec2.tags[id] ?? {};
    const templates = Object.values(ec2.templates);
    const environments = Object.values((slices[`batch/${region}`] as BatchState | undefined)?.environments ?? {});
    const used = environments.map(({ resources }) => resources?.ec2Configuration?.[0]?.imageIdOverride);

    for (const { id, vpcId, name: groupName } of Object.values(ec2.groups)) {
      if (groupName === "default") continue;
      const rules = Object.values(ec2.rules).filter(({ groupId }) => groupId === id);
      const shape = rules.map((rule) =>
        [rule.egress ? "out" : "in", rule.protocol, rule.from, rule.to, name(rule.peer.value)].join(" "),
      );
      all.push(thing("security-group", id, tags(id), [name(vpcId), ...shape.sort()]));
    }
    for (const one of Object.values(ec2.instances)) {
      if (one.state === "terminated") continue;
      all.push(thing("instance", one.id, tags(one.id), [one.state, one.type]));
    }
    for (const { id, attachedTo } of Object.values(ec2.volumes)) {
      if (!attachedTo) all.push(thing("volume", id, tags(id), []));
    }
    const inImages = new Set<string>();
    for (const one of Object.values(ec2.images)) {
      if (one.state === "deregistered") continue;
      for (const { snapshotId } of one.devices) inImages.add(snapshotId);
      const snapshots = one.devices.map(({ snapshotId }) => ec2.snapshots[snapshotId]?.state ?? "snapshot gone");
      const spare = !used.includes(one.id);
      all.push({ ...thing("ami", one.id, tags(one.id), [one.state, one.sourceImageId, ...snapshots]), spare });
    }
    for (const { id } of Object.values(ec2.snapshots)) {
      if (!inImages.has(id)) all.push(thing("snapshot without an image", id, tags(id), []));
    }
    for (const one of templates) {
      for (const { number, data, description = "" } of one.versions) {
        const users = environments.filter(({ resources }) => resources?.launchTemplate?.launchTemplateId === one.id);
        const spare = number !== (users.map(versionUsed).find((used) => used) ?? one.lastNumber);
        const place = number === one.defaultVersion ? "the default" : "a version";
        const image = data.ImageId === undefined ? "no image" : imageOf(data.ImageId, ec2);
        const shape = [spare ? "older" : place, image, data.MetadataOptions];
        // A version has no tags of its own: its description begins with its fingerprint.
        const versionTags = spare ? {} : { ...tags(one.id), "bootstrap:fingerprint": description.split(" ")[0]! };
        all.push({ ...thing("launch-template", `${one.id}:${number}`, versionTags, shape), spare });
      }
    }
  }

  const batch = slices[`batch/${region}`] as BatchState | undefined;
  for (const one of Object.values(batch?.environments ?? {})) {
    if (one.status === "DELETED") continue;
    const has = one.resources;
    const template = ec2?.templates[has?.launchTemplate?.launchTemplateId ?? ""];
    const shape = [
      ...[one.state, one.status, has?.type, has?.allocationStrategy, has?.minvCpus, has?.maxvCpus],
      ...[has?.instanceTypes, has?.subnets?.map(name), has?.securityGroupIds?.map(name)],
      profileOf(has?.instanceRole, iam),
      imageOf(has?.ec2Configuration?.[0]?.imageIdOverride ?? "", ec2),
      template?.versions.some(({ number }) => number === versionUsed(one)) ? "a template" : "no template",
      ...[one.updatePolicy.terminateJobsOnUpdate, one.update === undefined ? "settled" : "updating"],
      disks.every(({ subnetId }) => has?.subnets?.includes(subnetId)) ? "with the disk" : "elsewhere than the disk",
    ];
    all.push(thing("compute-environment", one.arn, one.tags, shape));
  }
  for (const one of Object.values(batch?.queues ?? {})) {
    if (one.status === "DELETED") continue;
    const order = one.order.map(({ computeEnvironment }) => computeEnvironment);
    all.push(thing("job-queue", one.arn, one.tags, [one.state, one.status, one.priority, order, one.limits]));
  }
  for (const one of Object.values(batch?.definitions ?? {})) {
    if (one.status !== "ACTIVE") continue;
    const { image, ...container } = one.body.containerProperties ?? {};
    const pulled = Object.values(repositories(slices, region)).some(({ images }) =>
      Object.keys(images).some((digest) => image?.endsWith(digest)),
    );
    const shape = [container, one.body.retryStrategy, one.body.timeout, pulled ? "image there" : `from ${image}`];
    all.push(thing("job-definition", one.arn, one.tags, shape));
  }
  for (const one of Object.values(repositories(slices, region))) {
    all.push(thing("repository", one.arn, one.tags, [one.mutability, one.scanOnPush, one.lifecycle?.text]));
    for (const image of Object.values(one.images)) {
      const used = Object.values(batch?.definitions ?? {}).some(
        ({ status, body }) => status === "ACTIVE" && body.containerProperties?.image?.endsWith(image.digest),
      );
      const ref = `${one.uri}:${image.tags[0]}`;
      all.push({ ...thing("container-image", ref, { "bootstrap:node": "container-image" }, []), spare: !used });
    }
  }
  for (const one of Object.values(iam?.roles ?? {})) {
    if (one.path.startsWith("/aws-service-role/") || !one.name.includes(region)) continue;
    const shape = [one.path, one.trust, [...one.attached].sort(), one.inline, one.boundary];
    all.push(thing("role", one.name, one.tags, shape));
  }
  for (const one of Object.values(iam?.profiles ?? {})) {
    if (one.name.includes(region)) all.push(thing("instance-profile", one.name, one.tags, [one.path, one.role]));
  }
  const logs = slices[`logs/${region}`] as { readonly groups: Record<string, LogGroupState> } | undefined;
  for (const one of Object.values(logs?.groups ?? {})) {
    all.push(thing("log-group", one.name, one.tags, [one.retentionDays]));
  }
  return all;
}

/** What differs between a world and what should stand in it; empty when all is well. */
export function differences(
  { world, manifest }: { readonly world: string; readonly manifest: string | undefined },
  should: readonly Standing[],
  region: string,
  { anyBase = false } = {},
): string[] {
  const is = standing(world, region);
  const lines = (things: readonly Standing[]) =>
    things
      .filter(({ spare }) => !spare)
      .map(inWords)
      .map((line) => (anyBase ? line.replace(/"ami-0[0-9a-f]{16}"/, "a base image") : line));
  const [have, want] = [lines(is), lines(should)];
  const wrong = [
    ...without(have, want).map((line) => `too much: ${line}`),
    ...without(want, have).map((line) => `missing: ${line}`),
  ];
  for (const kind of new Set(is.filter(({ spare }) => spare).map((one) => one.kind))) {
    const spares = is.filter((one) => one.spare && one.kind === kind);
    if (kind !== "container-image" && spares.length > KEPT) wrong.push(`${spares.length} older of ${kind}`);
    for (const { shape, ref } of spares) {
      if (/pending|failed|gone/.test(shape)) wrong.push(`an older ${kind} is no good: ${ref} ${shape}`);
    }
  }
  return [...wrong, ...disagreements(manifest, is, should)];
}

/** Of images and template versions, so many older ones may stay. */
const KEPT = 1;

/** Images in a registry have no tags of ours, and a template's versions share those of the first. */
const UNTAGGED: ReadonlySet<string> = new Set(["container-image", "launch-template"]);

/** What the manifest says, beside what stands: every record ready and true, and a record for all that has one elsewhere. */
function disagreements(manifest: string | undefined, is: readonly Standing[], should: readonly Standing[]): string[] {
  if (manifest === undefined) return should.length > 0 ? ["the manifest is gone"] : [];
  const { steps } = JSON.parse(manifest) as ManifestFile;
  const wrong: string[] = [];
  for (const [node, { kind, phase, ref, fingerprint }] of Object.entries(steps)) {
    if (phase !== "ready") wrong.push(`on record as ${phase}: ${node}`);
    if (kind === "service-linked-role") continue;
    const one = is.find((each) => each.ref === ref && each.kind === kind);
    if (!one) wrong.push(`on record and not there: ${node} ${ref}`);
    else if (one.tags["bootstrap:node"] !== node) wrong.push(`${ref} is on record as ${node}, its tags say otherwise`);
    else if (!UNTAGGED.has(kind) && one.tags["bootstrap:fingerprint"] !== fingerprint)
      wrong.push(`${node} ${ref} carries another fingerprint than its record`);
  }
  for (const one of is) {
    const node = one.tags["bootstrap:node"];
    if (!one.spare && node !== undefined && steps[node]?.ref !== one.ref) wrong.push(`not on record: ${inWords(one)}`);
  }
  return wrong;
}

function inWords({ kind, tags, shape }: Standing): string {
  return `${kind} (${tags["bootstrap:node"] ?? "nobody's"}) ${shape}`;
}

/** Bags, not sets: two alike are one too many. */
function without(from: readonly string[], those: readonly string[]): string[] {
  const rest = [...from];
  for (const line of those) {
    const at = rest.indexOf(line);
    if (at >= 0) rest.splice(at, 1);
  }
  return rest;
}

function thing(kind: string, ref: string, tags: Readonly<Record<string, string>>, parts: readonly unknown[]): Standing {
  return { kind, ref, tags, shape: parts.map((part) => JSON.stringify(part)).join(" ") };
}

/** What an id of EC2 stands for: the node that its tags name, or what every account has. */
function namer(ec2: Ec2Slice | undefined): (id: string) => string {
  return (id) => {
    const node = ec2?.tags[id]?.["bootstrap:node"];
    if (node !== undefined) return `<${node}>`;
    const subnet = ec2?.subnets[id];
    // Which of a network's is chosen depends on how full they are.
    if (subnet) return `<a subnet of ${ec2?.vpcs[subnet.vpcId]?.cidr}>`;
    const vpc = ec2?.vpcs[id];
    return vpc ? `<vpc ${vpc.cidr}>` : id;
  };
}

function imageOf(id: string, ec2: Ec2Slice | undefined): string {
  const image = ec2?.images[id];
  return image ? `an image that is ${image.state}` : `no image of ours: ${id}`;
}

function versionUsed({ resources }: EnvironmentState): number {
  return Number(resources?.launchTemplate?.version);
}

function profileOf(arn: string | undefined, iam: IamState | undefined): string {
  const profile = Object.values(iam?.profiles ?? {}).find((each) => each.arn === arn);
  const role = profile?.role === undefined ? undefined : iam?.roles[profile.role.toLowerCase()];
  return `${profile?.name ?? `no profile ${arn}`} with ${role?.name ?? "no role"}`;
}

function repositories(slices: Readonly<Record<string, unknown>>, region: string): Record<string, RepositoryState> {
  const ecr = slices[`ecr/${region}`] as { readonly repositories: Record<string, RepositoryState> } | undefined;
  return ecr?.repositories ?? {};
}
