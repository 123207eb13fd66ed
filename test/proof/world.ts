import type { ComputeResource } from "@aws-sdk/client-batch";
import type { BatchState, EnvironmentState } from "../../sandbox/services/batch/state.ts";
import type { Ec2Slice } from "../../sandbox/services/ec2/slice.ts";
import type { RepositoryState } from "../../sandbox/services/ecr/state.ts";
import type { RepositoriesState } from "../../sandbox/services/fsx/data-repositories.ts";
import type { FileSystemState, FsxState } from "../../sandbox/services/fsx/state.ts";
import type { IamState } from "../../sandbox/services/iam/state.ts";
import type { LogGroupState } from "../../sandbox/services/logs/state.ts";
import type { ManifestFile } from "../../src/engine/manifest/manifest.ts";
import { demandKnown, NETWORK_PARTS } from "./collections.ts";

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

/**
 * Everything that somebody made in a region, and what is that region's in its partition's IAM. `beside` are regions that
 * are worked in as well; a world with anything in yet another one, or with what nobody said how to judge, is refused.
 */
export function standing(text: string, region: string, beside: readonly string[] = []): readonly Standing[] {
  const { slices } = JSON.parse(text) as WorldFile;
  demandKnown(slices, [region, ...beside]);
  const slice = <T>(service: string, where = region) => slices[`${service}/${where}`] as Partial<T> | undefined;
  const ec2 = slices[`ec2/${region}`] as Ec2Slice | undefined;
  const batch = slice<BatchState>("batch");
  const iam = slice<Record<string, IamState>>("iam", "global")?.[region.startsWith("cn-") ? "aws-cn" : "aws"];
  const { fileSystems = {}, defaultKeyArn } = slice<FsxState>("fsx") ?? {};
  const { associations = {} } = slice<RepositoriesState>("fsx-repositories") ?? {};
  const disks = Object.values(fileSystems).filter(({ lifecycle }) => lifecycle !== "DELETING");
  const environments = Object.values(batch?.environments ?? {}).filter(({ status }) => status !== "DELETED");
  const definitions = Object.values(batch?.definitions ?? {}).filter(({ status }) => status === "ACTIVE");
  const repositories = Object.values(
    slice<{ repositories: Record<string, RepositoryState> }>("ecr")?.repositories ?? {},
  );
  const groups = Object.values(slice<{ groups: Record<string, LogGroupState> }>("logs")?.groups ?? {});
  const say = speaker(ec2, disks);
  const all: Standing[] = [];
  const put = (kind: string, ref: string, tags: Readonly<Record<string, string>>, ...parts: readonly unknown[]) =>
    all.push({ kind, ref, tags, shape: [ownerOf(tags), ...parts].map(say).join(" ") });
  const putSpare = (spare: boolean, ...thing: Parameters<typeof put>) => {
    put(...thing);
    if (spare) all.push({ ...all.pop()!, spare });
  };

  for (const one of disks) {
    const { lifecycle, deploymentType, storageType, capacityGiB, throughputPerTiB, version, compression } = one;
    put(
      "filesystem",
      one.id,
      one.tags,
      lifecycle,
      deploymentType,
      storageType,
      capacityGiB,
      throughputPerTiB,
      version,
      {
        compression,
        driveCache: one.driveCache,
        key: one.kmsKeyArn === defaultKeyArn ? "the account's" : one.kmsKeyArn,
        backups: one.backupRetentionDays,
        subnet: one.subnetId,
        groups: one.interfaceIds.map((id) => ec2?.interfaces[id]?.groupIds),
      },
    );
  }

  for (const { id, tags, fileSystemId, path, repository } of Object.values(associations))
    put("data-repository-association", id, tags, fileSystemId, path, repository);

  if (ec2) {
    const tags = (id: string) => ec2.tags[id] ?? {};
    for (const [kind, id] of NETWORK_PARTS.flatMap((kind) => Object.keys(ec2[kind]).map((id) => [kind, id] as const)))
      if (Object.keys(tags(id)).some((key) => key.startsWith("bootstrap:"))) put(kind, id, tags(id));
    const used = environments.map(({ resources }) => resources?.ec2Configuration?.[0]?.imageIdOverride);

    for (const { id, vpcId, name } of Object.values(ec2.groups)) {
      if (name === "default") continue;
      const rules = Object.values(ec2.rules).filter(({ groupId }) => groupId === id);
      const lines = rules.map(({ egress, protocol, from, to, peer }) =>
        [egress ? "out" : "in", protocol, from, to, peer.value].join(" "),
      );
      put("security-group", id, tags(id), vpcId, ...lines.sort((one, other) => (say(one) < say(other) ? -1 : 1)));
    }
    for (const { id, state, type } of Object.values(ec2.instances)) {
      if (state !== "terminated") put("instance", id, tags(id), state, type);
    }
    for (const { id, attachedTo } of Object.values(ec2.volumes)) {
      if (!attachedTo) put("volume", id, tags(id));
    }
    const inImages = new Set<string>();
    for (const { id, state, devices, sourceImageId } of Object.values(ec2.images)) {
      if (state === "deregistered") continue;
      for (const { snapshotId } of devices) inImages.add(snapshotId);
      const snapshots = devices.map(({ snapshotId }) => ec2.snapshots[snapshotId]?.state ?? "snapshot gone");
      putSpare(!used.includes(id), "ami", id, tags(id), state, sourceImageId, snapshots);
    }
    for (const { id } of Object.values(ec2.snapshots)) {
      if (!inImages.has(id)) put("snapshot without an image", id, tags(id));
    }
    for (const { id, versions, defaultVersion, lastNumber } of Object.values(ec2.templates)) {
      const user = environments.find(({ resources }) => resources?.launchTemplate?.launchTemplateId === id);
      for (const { number, data, description = "" } of versions) {
        // A version has no tags of its own: its description begins with its fingerprint.
        const own = { ...tags(id), "bootstrap:fingerprint": description.split(" ")[0]! };
        const place = number === defaultVersion ? "the default" : "a version";
        const script = Buffer.from(data.UserData ?? "", "base64").toString();
        putSpare(
          number !== (user ? versionUsed(user) : lastNumber),
          ...(["launch-template", `${id}:${number}`, own, place, { ...data, UserData: script }] as const),
        );
      }
    }
  }

  for (const one of environments) {
    const { resources = {} } = one;
    const { launchTemplate, instanceRole, bidPercentage, ...has }: Partial<ComputeResource> = resources;
    const template = ec2?.templates[launchTemplate?.launchTemplateId ?? ""];
    const image = ec2?.images[has.ec2Configuration?.[0]?.imageIdOverride ?? ""];
    put(
      "compute-environment",
      one.arn,
      one.tags,
      one.state,
      one.status,
      { ...has, desiredvCpus: undefined },
      {
        // The bid stays behind when there is nothing more to bid for.
        bid: has.type === "SPOT" ? bidPercentage : undefined,
        endsJobs: one.updatePolicy.terminateJobsOnUpdate,
        profile: profileOf(instanceRole, iam),
        serviceRole: iam?.roles[one.serviceRole.split("/").at(-1)!.toLowerCase()]?.name ?? "gone",
        image: image?.state ?? "not ours",
        template: template?.versions.some(({ number }) => number === versionUsed(one)) ? template.id : "gone",
        update: one.update === undefined ? "settled" : "under way",
        disk: disks.every(({ subnetId }) => has.subnets?.includes(subnetId)) ? "beside it" : "elsewhere",
      },
    );
  }
  for (const { arn, tags, state, status, priority, order, limits } of Object.values(batch?.queues ?? {})) {
    if (status === "DELETED") continue;
    const environmentsInOrder = order.map(({ computeEnvironment }) => computeEnvironment);
    put("job-queue", arn, tags, state, status, priority, environmentsInOrder, limits);
  }
  for (const { arn, body, tags } of definitions) {
    const { image = "", ...container } = body.containerProperties ?? {};
    const { tags: _tags, containerProperties: _container, ...rest } = body;
    const inRegistry = repositories.some(({ images }) => Object.keys(images).some((digest) => image.endsWith(digest)));
    put("job-definition", arn, tags, { ...container, ...rest }, inRegistry ? "image there" : image);
  }
  for (const one of repositories) {
    const { mutability, exclusions, scanOnPush, lifecycle, encryption } = one;
    put("repository", one.arn, one.tags, mutability, exclusions, scanOnPush, lifecycle?.text, encryption);
    for (const { digest, tags } of Object.values(one.images)) {
      const isUsed = definitions.some(({ body }) => body.containerProperties?.image?.endsWith(digest));
      putSpare(!isUsed, "container-image", `${one.uri}:${tags[0]}`, { "bootstrap:node": "container-image" });
    }
  }
  for (const one of Object.values(iam?.roles ?? {})) {
    if (one.path.startsWith("/aws-service-role/") || !isOf(region, one)) continue;
    put("role", one.name, one.tags, one.path, one.trust, [...one.attached].sort(), one.inline, one.boundary);
  }
  for (const one of Object.values(iam?.profiles ?? {})) {
    if (isOf(region, one)) put("instance-profile", one.name, one.tags, one.path, one.role);
  }
  for (const one of Object.values(iam?.policies ?? {})) {
    if (isOf(region, one)) put("policy", one.name, one.tags, one.document);
  }
  for (const { name, tags, retentionDays, logClass, kmsKeyId } of groups) {
    put("log-group", name, tags, retentionDays, logClass, kmsKeyId);
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
      .map((line) => (anyBase ? line.replaceAll(/ami-0[0-9a-f]{16}/g, "a base image") : line));
  const [have, want] = [lines(is), lines(should)];
  const wrong = [
    ...without(have, want).map((line) => `too much: ${line}`),
    ...without(want, have).map((line) => `missing: ${line}`),
  ];
  for (const kind of new Set(is.filter(({ spare }) => spare).map((one) => one.kind))) {
    const spares = is.filter((one) => one.spare && one.kind === kind);
    if (kind !== "container-image" && spares.length > KEPT) wrong.push(`${spares.length} older of ${kind}`);
    for (const one of spares) {
      // What nothing newer takes the place of is no older generation: it is left over.
      if (!should.some((other) => other.kind === kind && ownerOf(other.tags) === ownerOf(one.tags)))
        wrong.push(`too much: ${inWords(one)}`);
      if (/"(pending|failed|error|snapshot gone)"/.test(one.shape))
        wrong.push(`an older ${kind} is no good: ${one.ref} ${one.shape}`);
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

function inWords({ kind, shape }: Standing): string {
  return `${kind} ${shape}`;
}

/** Environment, region and node, as the tags name them. */
function ownerOf(tags: Readonly<Record<string, string>>): string {
  return ["env", "region", "node"].map((what) => tags[`bootstrap:${what}`] ?? "nobody").join("/");
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

/** Says anything in words that are the same in every world: an id is told as the node whose tags it carries. */
function speaker(ec2: Ec2Slice | undefined, disks: readonly FileSystemState[]): (value: unknown) => string {
  const names = new Map(disks.map(({ id, tags }) => [id, `<${tags["bootstrap:node"]}>`]));
  for (const { mountName } of disks) names.set(mountName, "<mount name>");
  // Which of a network's subnets is chosen depends on how full they are.
  for (const { id, vpcId } of Object.values(ec2?.subnets ?? {}))
    names.set(id, `<a subnet of ${ec2?.vpcs[vpcId]?.cidr}>`);
  for (const { id, cidr } of Object.values(ec2?.vpcs ?? {})) names.set(id, `<vpc ${cidr}>`);
  for (const [id, tags] of Object.entries(ec2?.tags ?? {}))
    if (tags["bootstrap:node"] !== undefined) names.set(id, `<${tags["bootstrap:node"]}>`);
  const known = new RegExp([...names.keys(), "(?!)"].join("|"), "g");
  return (value) => (JSON.stringify(value, inOrder) ?? "nothing").replaceAll(known, (id) => names.get(id)!);
}

/** Members in the order of their names, whoever wrote them. */
function inOrder(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function isOf(
  region: string,
  { name, tags }: { readonly name: string; readonly tags: Readonly<Record<string, string>> },
) {
  return name.includes(region) || tags["bootstrap:region"] === region;
}

function versionUsed({ resources }: EnvironmentState): number {
  return Number(resources?.launchTemplate?.version);
}

function profileOf(arn: string | undefined, iam: IamState | undefined): string {
  const profile = Object.values(iam?.profiles ?? {}).find((each) => each.arn === arn);
  const role = profile?.role === undefined ? undefined : iam?.roles[profile.role.toLowerCase()];
  return `${profile?.name ?? `no profile ${arn}`} with ${role?.name ?? "no role"}`;
}
