import {
  answerSystemsManager,
  logGroupArn,
  policy,
  pushTo,
  readObject,
  repositoryArn,
  useBuckets,
  writeLogs,
} from "../aws/policies.ts";
import { fingerprintOf } from "../engine/fingerprint.ts";
import { type Handle, placed } from "../engine/graph.ts";
import { imageScript } from "../render/image-script.ts";
import type { ComputeEnvironmentOutput } from "../steps/compute-environment.ts";
import type { ContainerImageOutput } from "../steps/container-image/container-image.ts";
import type { InstanceOutput } from "../steps/instance.ts";
import type { LogGroupOutput } from "../steps/log-group.ts";
import type { RepositoryOutput } from "../steps/repository.ts";
import type { RoleOutput } from "../steps/role.ts";
import { type BuildFacts, instanceRole, type Scope, type Workload } from "./scope.ts";

/** Memory that a container may ask for: the ECS agent and the kernel keep the rest of a machine's. */
const USABLE_MEMORY = 0.92;

/** What its jobs may do. */
export function jobRole({ config, facts, arns }: Scope, { job }: Workload) {
  return placed({
    inputs: () => ({
      ...config.iam,
      service: "ecs-tasks.amazonaws.com",
      sourceAccount: facts.account,
      managedPolicies: [],
      inlinePolicy: policy(...useBuckets(arns, job.buckets)),
    }),
  });
}

function repositoryName({ config }: Scope, { name }: Workload): string {
  return `${config.name}/${name}`;
}

export function repository(scope: Scope, workload: Workload) {
  return placed({
    inputs: () => ({
      repositoryName: repositoryName(scope, workload),
      scanOnPush: true,
      immutableTags: true,
      encryption: { type: "AES256" as const },
      untaggedDays: 7,
    }),
  });
}

/** What the machine that its container image is built on may do. */
export function imageBuilderRole(scope: Scope, workload: Workload, { packageInS3 }: BuildFacts) {
  const { arns, config } = scope;
  return instanceRole(
    scope,
    policy(
      ...answerSystemsManager(),
      ...writeLogs(logGroupArn(arns, config.name)),
      ...pushTo(repositoryArn(arns, repositoryName(scope, workload))),
      ...(packageInS3 ? readObject(arns, packageInS3) : []),
    ),
  );
}

export function imageBuild(
  scope: Scope,
  workload: Workload,
  build: BuildFacts,
  needs: {
    readonly machine: Handle<InstanceOutput>;
    readonly log: Handle<LogGroupOutput>;
    readonly home: Handle<RepositoryOutput>;
  },
) {
  const { contextBase64, packageInS3 } = build;
  const { region, machineImage } = scope.config;
  return placed({
    needs,
    inputs: ({ machine, log, home }) => {
      const made = imageInputs(scope, workload, build, home);
      return {
        instanceId: machine.instanceId,
        // The tag is the fingerprint of the image's own inputs.
        script: imageScript({ ...made, region, tag: fingerprintOf(made), contextBase64, packageInS3 }),
        logGroupName: log.logGroupName,
        timeoutSeconds: machineImage.fuseHours * 3600,
      };
    },
  });
}

export function builtImage(scope: Scope, workload: Workload, build: BuildFacts, home: Handle<RepositoryOutput>) {
  return placed({ needs: { home }, inputs: ({ home }) => imageInputs(scope, workload, build, home) });
}

function imageInputs(scope: Scope, workload: Workload, build: BuildFacts, { repositoryUri }: RepositoryOutput) {
  return {
    repositoryName: repositoryName(scope, workload),
    repositoryUri,
    platform: "linux/amd64" as const,
    context: build.digests,
    buildArgs: build.args,
  };
}

export function queue({ job }: Workload, computing: Handle<ComputeEnvironmentOutput>) {
  return placed({
    needs: { computing },
    inputs: ({ computing }) => ({
      computeEnvironmentArns: [computing.arn],
      priority: 1,
      maxRunnableSeconds: job.maxRunnableMinutes * 60,
    }),
  });
}

export function definition(
  { config: { name, region, filesystem } }: Scope,
  workload: Workload,
  needs: {
    readonly jobRole: Handle<RoleOutput>;
    readonly log: Handle<LogGroupOutput>;
    readonly container: Handle<ContainerImageOutput> | undefined;
  },
) {
  const { job, scratch, container: configured } = workload;
  const smallest = workload.instanceTypes[0]!;
  const readyImage = configured.kind === "ready" ? configured.image : "";
  return placed({
    needs,
    inputs: ({ jobRole, log, container }) => ({
      jobDefinitionName: `${name}-${workload.name}`,
      image: container?.image ?? readyImage,
      vcpus: job.vcpus ?? smallest.vcpus,
      memoryMiB: job.memoryMiB ?? Math.floor(smallest.memoryMiB * USABLE_MEMORY),
      jobRoleArn: jobRole.arn,
      command: job.command,
      parameters: job.parameters,
      // An agent may leave them out, and without a region the AWS CLI asks for China's buckets elsewhere.
      environment: { AWS_REGION: region, AWS_DEFAULT_REGION: region, ...job.environment },
      volumes: [
        ...(scratch.kind === "none" ? [] : [hostVolume("nvme", scratch.mountPoint)]),
        ...(filesystem ? [hostVolume("lustre", filesystem.mountPoint)] : []),
      ],
      timeoutSeconds: job.timeoutMinutes * 60,
      attempts: job.attempts,
      logGroupName: log.logGroupName,
    }),
  });
}

function hostVolume(name: string, path: string) {
  return { name, hostPath: path, containerPath: path };
}
