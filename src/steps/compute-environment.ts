import {
  type ComputeEnvironmentDetail,
  type ComputeResource,
  type ComputeResourceUpdate,
  CreateComputeEnvironmentCommand,
  DeleteComputeEnvironmentCommand,
  DescribeComputeEnvironmentsCommand,
  paginateDescribeComputeEnvironments,
  TagResourceCommand,
  UpdateComputeEnvironmentCommand,
  type UpdateComputeEnvironmentRequest,
} from "@aws-sdk/client-batch";
import { CreateServiceLinkedRoleCommand } from "@aws-sdk/client-iam";
import { batchState } from "../aws/batch-state.ts";
import type { Cloud } from "../aws/clients.ts";
import { classify, orNothing, unless } from "../aws/errors.ts";
import { changeOf, driftOf, sameNames, wholeOf } from "../aws/fields.ts";
import { countRunningJobs } from "../aws/jobs.ts";
import { fingerprintTags, fromTags, isNameOf, nameFor, type Tags, tagsOf } from "../aws/tags.ts";
import type { FindContext, Step } from "../engine/step.ts";

export interface ComputeEnvironmentInputs {
  readonly purchase: "on-demand" | "spot";
  /** Of the on-demand price, at most; Spot only. */
  readonly bidPercentage?: number | undefined;
  readonly instanceTypes: readonly string[];
  /** Kept running, and paid for, also while it is disabled. */
  readonly minVcpus: number;
  readonly maxVcpus: number;
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
  readonly instanceProfileArn: string;
  readonly imageId: string;
  readonly imageType: "ECS_AL2023" | "ECS_AL2";
  readonly launchTemplateId: string;
  /** A number: Batch resolves $Latest only once. */
  readonly launchTemplateVersion: string;
  /** Jobs that run longer than this are ended when machines are replaced; 1 to 7200. */
  readonly jobTimeoutMinutes: number;
  /** For the instances that it launches, beside those of the launch template. */
  readonly tags?: Tags | undefined;
}

export interface ComputeEnvironmentOutput {
  readonly arn: string;
  readonly computeEnvironmentName: string;
  readonly ecsClusterArn?: string | undefined;
  readonly subnetIds: readonly string[];
}

/** Where jobs run; changed in place, and machines are replaced only when their jobs are done. */
export const computeEnvironment: Step<ComputeEnvironmentInputs, ComputeEnvironmentOutput, unknown, Cloud> = {
  kind: "compute-environment",
  naming: "fixed",
  repairsFailed: true,
  // Made in seconds, but changed only when the last job on the old machines is done.
  pace: { expectMs: 8_000, everyMs: 3_000, timeoutMs: 7_230 * 60_000, removeTimeoutMs: 60 * 60_000 },

  fixed: () => ({}),

  async find(context) {
    const { inputs } = context;
    return (await environmentsOf(context)).map((live) => ({
      ref: live.computeEnvironmentArn!,
      ...fromTags(context, live.tags ?? {}),
      ...batchState(live),
      output: {
        arn: live.computeEnvironmentArn!,
        computeEnvironmentName: live.computeEnvironmentName!,
        ecsClusterArn: live.ecsClusterArn,
        subnetIds: [...(live.computeResources?.subnets ?? [])].sort(),
      },
      drift: inputs && driftOf(FIELDS, inputs, { state: live.state, ...live.computeResources }),
    }));
  },

  async create(context) {
    const { cloud, inputs } = context;
    const { state, ...computeResources } = wholeOf(FIELDS, inputs);
    const { computeEnvironmentArn } = await cloud.batch.send(
      new CreateComputeEnvironmentCommand({
        computeEnvironmentName: nameFor(context),
        type: "MANAGED",
        state,
        computeResources,
        tags: tagsOf(context),
      }),
    );
    return computeEnvironmentArn!;
  },

  async stamp(context, { ref: resourceArn }) {
    await context.cloud.batch.send(new TagResourceCommand({ resourceArn, tags: fingerprintTags(context) }));
  },

  async update({ cloud, inputs, note }, found) {
    const { ref, drift = [] } = found;
    const isInvalid = found.state === "failed";
    if (isInvalid && lacksItsRole(found.detail)) await giveRoleBack(cloud);
    const replaces = drift.some(({ disruptive }) => disruptive);
    const jobs = replaces ? await countRunningJobs(cloud, found.ref) : 0;
    const { state, ...computeResources } = changeOf(FIELDS, inputs, found);
    const changes = Object.keys(computeResources).length > 0;
    const ask = (change: Omit<UpdateComputeEnvironmentRequest, "computeEnvironment">) =>
      cloud.batch
        .send(new UpdateComputeEnvironmentCommand({ computeEnvironment: ref, ...change }))
        // A change is under way already, this one or another; it may take hours, and `find` tells when it is done.
        .catch(unless("busy"));
    const accepted = await ask({
      // Batch checks an invalid one again when its state is set, also to what it is.
      ...((state || drift.length === 0) && { state: "ENABLED" }),
      ...(changes && { computeResources: computeResources as ComputeResourceUpdate }),
      ...(replaces && {
        updatePolicy: { terminateJobsOnUpdate: false, jobExecutionTimeoutMinutes: inputs.jobTimeoutMinutes },
      }),
    }).catch((error: unknown) => {
      // AWS may take no other change of one that is invalid: then it is made valid first, and changed by the next nudge.
      if (!isInvalid || !changes || classify(error) !== "refused") throw error;
      return ask({ state: "ENABLED" });
    });
    if (accepted && jobs > 0) {
      note(`waits for ${jobs} running ${jobs === 1 ? "job" : "jobs"}, at most ${inputs.jobTimeoutMinutes} minutes`);
    }
  },

  async destroy({ cloud }, { ref }) {
    const live = await described(cloud, ref);
    if (!live || ["pending", "deleting"].includes(batchState(live).state)) return;
    const computeEnvironment = ref;
    if (live.status === "INVALID" && lacksItsRole(live.statusReason)) await giveRoleBack(cloud);
    await orNothing<unknown>(
      live.state === "ENABLED"
        ? cloud.batch.send(new UpdateComputeEnvironmentCommand({ computeEnvironment, state: "DISABLED" }))
        : cloud.batch.send(new DeleteComputeEnvironmentCommand({ computeEnvironment })),
    );
  },
};

/** Whether Batch's reason names its own service-linked role, or that it may not assume one. */
function lacksItsRole(statusReason = ""): boolean {
  return /sts:AssumeRole|AWSServiceRoleForBatch/.test(statusReason);
}

/** Batch changes and deletes under its own role only, which somebody may have removed. */
async function giveRoleBack({ iam }: Cloud): Promise<void> {
  const AWSServiceName = "batch.amazonaws.com";
  await iam.send(new CreateServiceLinkedRoleCommand({ AWSServiceName })).catch(unless("exists"));
}

/** A node's, or every workload's: Batch is asked for whole names or for all. */
async function environmentsOf({
  cloud,
  name,
  node,
}: FindContext<unknown, Cloud>): Promise<readonly ComputeEnvironmentDetail[]> {
  if (node !== undefined) return [(await described(cloud, nameFor({ name, node }))) ?? []].flat();
  const all: ComputeEnvironmentDetail[] = [];
  for await (const page of paginateDescribeComputeEnvironments({ client: cloud.batch }, {})) {
    all.push(...(page.computeEnvironments ?? []));
  }
  return all.filter((one) => isNameOf(name, one.computeEnvironmentName) && one.status !== "DELETED");
}

async function described({ batch }: Cloud, nameOrArn: string): Promise<ComputeEnvironmentDetail | undefined> {
  const { computeEnvironments } = await batch.send(
    new DescribeComputeEnvironmentsCommand({ computeEnvironments: [nameOrArn] }),
  );
  // A deleted one is shown for a while.
  return computeEnvironments?.find(({ status }) => status !== "DELETED");
}

const FIELDS = sameNames<ComputeEnvironmentInputs, ComputeResource & Pick<ComputeEnvironmentDetail, "state">>(
  {
    state: { set: () => "ENABLED" },
    type: { set: (inputs) => (isSpot(inputs) ? "SPOT" : "EC2") },
    allocationStrategy: {
      set: (inputs) => (isSpot(inputs) ? "SPOT_CAPACITY_OPTIMIZED" : "BEST_FIT_PROGRESSIVE"),
    },
    // Said also where it is AWS's own default, so that a limit once set can be taken away.
    bidPercentage: { set: (inputs) => (isSpot(inputs) ? (inputs.bidPercentage ?? 100) : undefined) },
    minvCpus: { set: ({ minVcpus }) => minVcpus },
    maxvCpus: { set: ({ maxVcpus }) => maxVcpus },
    instanceTypes: { set: ({ instanceTypes }) => [...instanceTypes], normal: inOrder },
    subnets: { set: ({ subnetIds }) => [...subnetIds], normal: inOrder },
    securityGroupIds: { set: ({ securityGroupIds }) => [...securityGroupIds], normal: inOrder },
    tags: { set: ({ tags }) => tags },
    // A profile may be named or given by its ARN, and its name is unique.
    instanceRole: { set: ({ instanceProfileArn }) => instanceProfileArn, normal: (role) => role?.split("/").at(-1) },
    // The image stands here alone, and not in the launch template.
    ec2Configuration: {
      set: ({ imageType, imageId }) => [{ imageType, imageIdOverride: imageId }],
      normal: (all) => all?.map(({ imageType, imageIdOverride }) => `${imageType} ${imageIdOverride}`),
    },
    launchTemplate: {
      set: ({ launchTemplateId, launchTemplateVersion }) => ({ launchTemplateId, version: launchTemplateVersion }),
      normal: (template) => `${template?.launchTemplateId} version ${template?.version}`,
    },
  },
  // Every other replaces the machines.
  ["state", "minvCpus", "maxvCpus"],
);

function isSpot({ purchase }: ComputeEnvironmentInputs): boolean {
  return purchase === "spot";
}

function inOrder(list: readonly string[] | undefined): readonly string[] | undefined {
  return list && [...list].sort();
}
