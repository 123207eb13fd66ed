import type { Cloud } from "../aws/clients.ts";
import type { InstanceTypeFacts } from "../aws/facts.ts";
import {
  answerSystemsManager,
  logGroupArn,
  logNowhereElse,
  managedPolicy,
  type Place,
  type PolicyDocument,
  policy,
  pushTo,
  readObject,
  repositoryArn,
  useBuckets,
  writeLogs,
} from "../aws/policies.ts";
import type { Config, FilesystemConfig } from "../config/config.ts";
import { fingerprintOf } from "../engine/fingerprint.ts";
import { Graph, type Handle } from "../engine/graph.ts";
import { type BuildArgument, bakeScript, imageScript, type PackageInS3 } from "../render/recipe.ts";
import type { ContextFile } from "../render/templates.ts";
import { builderUserData, type NodeBoot, nodeUserData } from "../render/user-data.ts";
import { type AmiOutput, ami } from "../steps/ami.ts";
import { command } from "../steps/command.ts";
import { computeEnvironment } from "../steps/compute-environment.ts";
import { type ContainerImageOutput, containerImage } from "../steps/container-image/container-image.ts";
import type { LocalBuilder } from "../steps/container-image/local-build.ts";
import { type FilesystemOutput, filesystem } from "../steps/filesystem/filesystem.ts";
import { instance } from "../steps/instance.ts";
import { type InstanceProfileOutput, instanceProfile } from "../steps/instance-profile.ts";
import { jobDefinition } from "../steps/job-definition.ts";
import { jobQueue } from "../steps/job-queue.ts";
import { launchTemplate } from "../steps/launch-template.ts";
import { type LogGroupOutput, logGroup } from "../steps/log-group.ts";
import { type RepositoryOutput, repository } from "../steps/repository.ts";
import { type RoleOutput, role } from "../steps/role.ts";
import { type SecurityGroupOutput, securityGroup } from "../steps/security-group.ts";
import { serviceLinkedRole } from "../steps/service-linked-role.ts";

/** What only the account can tell, read or pinned before the graph is built. */
export interface Facts {
  readonly account: string;
  readonly partition: string;
  readonly vpcId: string;
  readonly subnetId: string;
  /** Where jobs run. */
  readonly computeSubnetIds: readonly string[];
  readonly baseImageId: string;
  /** When a bake was asked for that nothing else asked for. */
  readonly forcedAt: string | undefined;
  /** Of the configured instance types, the smallest first. */
  readonly instanceTypes: readonly InstanceTypeFacts[];
  readonly build: BuildFacts | undefined;
}

/** How the container image is built, and from what; absent for a ready image. */
export interface BuildFacts {
  readonly builder: LocalBuilder | "instance";
  /** Where a builder on this machine works. */
  readonly folder: string;
  readonly files: readonly ContextFile[];
  readonly digests: Readonly<Record<string, string>>;
  readonly args: readonly BuildArgument[];
  /** Only for an instance, which gets it inside its command. */
  readonly contextBase64: string;
  /** Only for an instance, which fetches it itself. */
  readonly packageInS3?: PackageInS3 | undefined;
}

/** Ports of Lustre's network: https://docs.aws.amazon.com/fsx/latest/LustreGuide/limit-access-security-groups.html */
const LUSTRE_PORTS = [
  [988, 988],
  [1018, 1023],
] as const;

/**
 * The account's own roles that AWS works under, never removed. Batch and FSx make theirs at first use, and IAM lets
 * nobody delete one in use: https://docs.aws.amazon.com/batch/latest/userguide/using-service-linked-roles.html. Spot's
 * has to be there before.
 */
export const SERVICE_LINKED_ROLES = {
  batch: { service: "batch.amazonaws.com", roleName: "AWSServiceRoleForBatch" },
  fsx: { service: "fsx.amazonaws.com", roleName: "AWSServiceRoleForAmazonFSx" },
  spot: { service: "spot.amazonaws.com", roleName: "AWSServiceRoleForEC2Spot" },
} as const;

/** Memory that a container may ask for: the ECS agent and the kernel keep the rest of a machine's. */
const USABLE_MEMORY = 0.92;

/** Start here: every node of the environment, in the guide's reading order. */
export function environment(config: Config, facts: Facts): Graph<Cloud> {
  const { name, region, workload, machineImage, compute, job, logs, scratch } = config;
  const place = { region, partition: facts.partition, account: facts.account };
  const graph = new Graph<Cloud>();
  const site: Site = { graph, config, facts, place };

  // Network and logs
  const group = graph.add("security-group", securityGroup, {
    inputs: () => ({ vpcId: facts.vpcId, selfTcp: LUSTRE_PORTS }),
  });
  const log = graph.add("log-group", logGroup, { inputs: () => ({ retentionDays: logs.retentionDays }) });

  // Who nodes and jobs are
  const nodeProfile = ec2Identity(site, "node", {
    managedPolicies: ["service-role/AmazonEC2ContainerServiceforEC2Role"],
    inlinePolicy: policy(...answerSystemsManager(), ...logNowhereElse(place, name)),
  });
  const jobRole = graph.add("job-role", role, {
    inputs: () => ({
      ...config.iam,
      service: "ecs-tasks.amazonaws.com",
      sourceAccount: facts.account,
      managedPolicies: [],
      inlinePolicy: policy(...useBuckets(place, job.buckets)),
    }),
  });

  // FSx for Lustre
  const lustre = config.filesystem;
  const disk = lustre && lustreDisk(site, lustre, group);

  // The machine image, and the launch template that mounts the disks
  const image = machineImageBaked(site, { group, log });
  const template = graph.add("launch-template", launchTemplate, {
    needs: { image, ...(disk && { disk }) },
    inputs: (needs: { readonly image: AmiOutput; readonly disk?: FilesystemOutput }) => ({
      imageId: needs.image.imageId,
      // Named only where there are any, so that without them the template stays the one it is.
      ...(Object.keys(config.tags).length > 0 && { tags: config.tags }),
      userData: nodeUserData({
        environment: name,
        image: needs.image.imageId,
        filesystem: lustre && needs.disk && { ...lustre, ...needs.disk },
        scratch: scratchOf(site),
      }),
      volumes: scratch.kind === "ebs" ? [{ deviceName: SCRATCH_DEVICE, sizeGiB: scratch.sizeGiB }] : [],
    }),
  });

  // The container image, in a repository of its own
  const container = facts.build && containerImageBuilt(site, facts.build, { group, log });

  // AWS Batch
  const { purchase } = compute;
  const spotRole =
    purchase.kind === "spot"
      ? graph.add("spot-service-role", serviceLinkedRole, { inputs: () => SERVICE_LINKED_ROLES.spot })
      : undefined;
  const computing = graph.add("compute-environment", computeEnvironment, {
    // Its machines write to the log group until they are gone.
    needs: { group, nodeProfile, image, template, log, ...(spotRole && { spotRole }) },
    inputs: ({ group, nodeProfile, image, template }) => ({
      purchase: purchase.kind,
      bidPercentage: purchase.kind === "spot" ? purchase.bidPercentage : undefined,
      instanceTypes: compute.instanceTypes,
      minVcpus: compute.minVcpus,
      maxVcpus: compute.maxVcpus,
      subnetIds: facts.computeSubnetIds,
      securityGroupIds: [group.groupId],
      instanceProfileArn: nodeProfile.arn,
      imageId: image.imageId,
      imageType: machineImage.os === "al2" ? ("ECS_AL2" as const) : ("ECS_AL2023" as const),
      launchTemplateId: template.launchTemplateId,
      launchTemplateVersion: template.version,
      jobTimeoutMinutes: compute.updateTimeoutMinutes,
    }),
  });
  graph.add("job-queue", jobQueue, {
    needs: { computing },
    inputs: ({ computing }) => ({
      computeEnvironmentArns: [computing.arn],
      priority: 1,
      maxRunnableSeconds: job.maxRunnableMinutes * 60,
    }),
  });
  const smallest = facts.instanceTypes[0]!;
  const readyImage = config.container.kind === "ready" ? config.container.image : "";
  graph.add("job-definition", jobDefinition, {
    needs: { jobRole, log, ...(container && { container }) },
    inputs: (needs: {
      readonly jobRole: RoleOutput;
      readonly log: LogGroupOutput;
      readonly container?: ContainerImageOutput;
    }) => ({
      jobDefinitionName: `${name}-${workload}`,
      image: needs.container?.image ?? readyImage,
      vcpus: job.vcpus ?? smallest.vcpus,
      memoryMiB: job.memoryMiB ?? Math.floor(smallest.memoryMiB * USABLE_MEMORY),
      jobRoleArn: needs.jobRole.arn,
      command: job.command,
      parameters: job.parameters,
      // An agent may leave them out, and without a region the AWS CLI asks for China's buckets elsewhere.
      environment: { AWS_REGION: region, AWS_DEFAULT_REGION: region, ...job.environment },
      volumes: [
        ...(scratch.kind === "none" ? [] : [hostVolume("nvme", scratch.mountPoint)]),
        ...(lustre ? [hostVolume("lustre", lustre.mountPoint)] : []),
      ],
      timeoutSeconds: job.timeoutMinutes * 60,
      attempts: job.attempts,
      logGroupName: needs.log.logGroupName,
    }),
  });
  return graph;
}

/** What every part of an environment is built on. */
interface Site {
  readonly graph: Graph<Cloud>;
  readonly config: Config;
  readonly facts: Facts;
  readonly place: Place;
}

/** Where builders stand: with the file system, and writing to the environment's log group. */
interface Ground {
  readonly group: Handle<SecurityGroupOutput>;
  readonly log: Handle<LogGroupOutput>;
}

/** A role for instances, in a profile of its own. */
function ec2Identity(
  { graph, config: { iam }, place }: Site,
  id: string,
  {
    managedPolicies,
    inlinePolicy,
  }: { readonly managedPolicies: readonly string[]; readonly inlinePolicy?: PolicyDocument | undefined },
) {
  const instanceRole = graph.add(`${id}-role`, role, {
    inputs: () => ({
      ...iam,
      service: "ec2.amazonaws.com",
      managedPolicies: managedPolicies.map((policyName) => managedPolicy(place, policyName)),
      inlinePolicy,
    }),
  });
  return graph.add(`${id}-profile`, instanceProfile, {
    needs: { instanceRole },
    inputs: ({ instanceRole }) => ({ roleName: instanceRole.roleName, path: iam.path }),
  });
}

function scratchOf({ config: { scratch }, facts }: Site): NodeBoot["scratch"] {
  switch (scratch.kind) {
    case "ebs":
      return { ...scratch, device: SCRATCH_DEVICE };
    case "instance-store":
      return { ...scratch, disks: Math.min(...facts.instanceTypes.map(({ diskSizesGB }) => diskSizesGB.length)) };
    case "none":
      return scratch;
  }
}

function lustreDisk(site: Site, lustre: FilesystemConfig, group: Handle<SecurityGroupOutput>) {
  const { graph, facts } = site;
  const { mountPoint: _mountPoint, directories: _directories, ...shape } = lustre;
  return graph.add("filesystem", filesystem, {
    needs: { group },
    inputs: ({ group }) => ({ ...shape, subnetId: facts.subnetId, securityGroupIds: [group.groupId] }),
  });
}

/** An instance to work on, and the one command that it is there for. */
function builderWith(
  { graph, config: { machineImage }, facts }: Site,
  ids: { readonly instance: string; readonly command: string },
  { group, log }: Ground,
  profile: Handle<InstanceProfileOutput>,
  script: {
    /** What else its work depends on than the script. */
    readonly purpose?: string | undefined;
    readonly needs: Readonly<Record<string, Handle<unknown>>>;
    render(needs: Readonly<Record<string, unknown>>): string;
  },
) {
  const machine = graph.add(ids.instance, instance, {
    // Its agent makes the log group again while it is shut down: that one goes after it.
    needs: { group, profile, log },
    inputs: ({ group, profile }) => ({
      imageId: facts.baseImageId,
      instanceType: machineImage.builderInstanceType,
      subnetId: facts.subnetId,
      securityGroupIds: [group.groupId],
      instanceProfileArn: profile.arn,
      userData: builderUserData({ hours: machineImage.fuseHours }),
      rootGiB: machineImage.rootGiB,
      purpose: script.purpose,
    }),
  });
  const work = graph.add(ids.command, command, {
    needs: { machine, log, ...script.needs },
    inputs: ({ machine, log, ...needs }) => ({
      instanceId: machine.instanceId,
      script: script.render(needs),
      logGroupName: log.logGroupName,
      timeoutSeconds: machineImage.fuseHours * 3600,
    }),
  });
  return { machine, work };
}

function machineImageBaked(site: Site, ground: Ground) {
  const { graph, config, facts, place } = site;
  const { rootGiB, os, keep } = config.machineImage;
  const recipe = bakeScript(config);
  const profile = ec2Identity(site, "builder", {
    managedPolicies: [],
    inlinePolicy: policy(...answerSystemsManager(), ...writeLogs(logGroupArn(place, config.name))),
  });
  const ids = { instance: "builder", command: "provision" };
  const { machine, work } = builderWith(site, ids, ground, profile, {
    // Another recipe, or another bake of the same, begins on a machine that nothing was done to.
    purpose: fingerprintOf([recipe, facts.forcedAt ?? null]),
    needs: {},
    render: () => recipe,
  });
  return graph.add("ami", ami, {
    inputs: () => ({
      baseImageId: facts.baseImageId,
      recipe: fingerprintOf([recipe, rootGiB]),
      os,
      forcedAt: facts.forcedAt,
    }),
    temporary: { builder: machine, provision: work },
    keep,
    pins: ({ baseImageId, forcedAt }) => ({ baseImage: baseImageId, forcedAt: forcedAt ?? "" }),
  });
}

function containerImageBuilt(site: Site, build: BuildFacts, ground: Ground) {
  const { builder, folder, files, digests, args, contextBase64, packageInS3 } = build;
  const { graph, config, place } = site;
  const repositoryName = `${config.name}/${config.workload}`;
  const home = graph.add("repository", repository, {
    inputs: () => ({
      repositoryName,
      scanOnPush: true,
      immutableTags: true,
      encryption: { type: "AES256" as const },
      untaggedDays: 7,
    }),
  });
  const inputs = ({ home: { repositoryUri } }: { readonly home: RepositoryOutput }) => ({
    repositoryName,
    repositoryUri,
    platform: "linux/amd64" as const,
    context: digests,
    buildArgs: args,
  });
  const step = containerImage({ builder, files, folder });
  if (builder !== "instance") return graph.add("container-image", step, { needs: { home }, inputs });

  const profile = ec2Identity(site, "image-builder", {
    managedPolicies: [],
    inlinePolicy: policy(
      ...answerSystemsManager(),
      ...writeLogs(logGroupArn(place, config.name)),
      ...pushTo(repositoryArn(place, repositoryName)),
      ...(packageInS3 ? readObject(place, packageInS3) : []),
    ),
  });
  const ids = { instance: "image-builder", command: "image-build" };
  const { machine, work } = builderWith(site, ids, ground, profile, {
    needs: { home },
    render: (needs) => {
      const made = inputs(needs as { readonly home: RepositoryOutput });
      // The tag is the fingerprint of the image's own inputs.
      return imageScript({ ...made, region: config.region, tag: fingerprintOf(made), contextBase64, packageInS3 });
    },
  });
  return graph.add("container-image", step, { needs: { home }, inputs, temporary: { machine, work } });
}

/** Where EC2 is told to attach a scratch volume; a Nitro instance shows it as an NVMe disk under another name. */
const SCRATCH_DEVICE = "/dev/xvdb";

function hostVolume(name: string, path: string) {
  return { name, hostPath: path, containerPath: path };
}
