import type { ComputeEnvironmentDetail, ComputeResource } from "@aws-sdk/client-batch";
import { doomOf, MINUTE_MS, overAt } from "../../lifecycle.ts";
import { useServiceLinkedRole } from "../iam.ts";
import { checkedResources, templateVersionOf } from "./resources.ts";
import {
  type BatchOperations,
  batchArn,
  batchState,
  checkTagKeys,
  clientException,
  demandRoom,
  type EnvironmentState,
  environmentOf,
  isLive,
  isModified,
  liveEnvironment,
  page,
} from "./state.ts";

export const environmentOperations = {
  CreateComputeEnvironment(input, call) {
    const name = input.computeEnvironmentName!;
    const { environments } = batchState(call);
    demandRoom("Compute environment", environments, environmentOf(call, name));
    if (input.state === "DISABLED") throw clientException("Compute environments must be created in the ENABLED state.");
    checkTagKeys(input.tags);
    const managed = input.type === "MANAGED";
    if (managed !== (input.computeResources !== undefined)) {
      throw clientException("computeResources goes with compute environments of type MANAGED, and only with them.");
    }
    const resources = input.computeResources && checkedResources(call, input.computeResources);
    const arn = batchArn(call, `compute-environment/${name}`);
    const serviceRole = input.serviceRole ?? useServiceLinkedRole(call, "batch.amazonaws.com", arn);
    const uuid = call.uuid();
    const fate = call.fate();
    environments[name] = {
      name,
      arn,
      uuid,
      createdAt: call.now,
      managed,
      context: input.context,
      clusterArn: `arn:${call.partition}:ecs:${call.region}:${call.account}:cluster/${name}_Batch_${uuid}`,
      state: "ENABLED",
      status: "CREATING",
      statusReason: "",
      visibleFrom: call.now + call.unseenMs,
      nextAt: overAt(call, [10_000, MINUTE_MS], fate),
      resources,
      templateVersion: resources && templateVersionOf(call, resources),
      serviceRole,
      updatePolicy: { terminateJobsOnUpdate: false, jobExecutionTimeoutMinutes: 30 },
      tags: input.tags ?? {},
      nodes: [],
      doom: doomOf(fate, "INTERNAL_ERROR - The compute environment could not be made."),
    };
    return { computeEnvironmentName: name, computeEnvironmentArn: arn };
  },

  /** Names that are not known are left out, no error. */
  DescribeComputeEnvironments(input, call) {
    const names = input.computeEnvironments;
    const chosen = names?.length
      ? names.flatMap((name) => environmentOf(call, name) ?? [])
      : Object.values(batchState(call).environments);
    const { items, next } = page(call, input, chosen);
    return { computeEnvironments: items.map(shown), ...next };
  },

  DeleteComputeEnvironment(input, call) {
    const environment = liveEnvironment(call, input.computeEnvironment);
    const { queues, ghosts } = batchState(call);
    if (isModified(environment)) throw clientException("Cannot delete, resource is being modified.");
    if (environment.state !== "DISABLED") {
      throw clientException("Cannot delete, state of the compute environment must be DISABLED.");
    }
    const used = Object.values(queues).some(
      (queue) => isLive(queue) && queue.order.some((each) => each.computeEnvironment === environment.arn),
    );
    if (used || (ghosts[environment.arn] ?? 0) > call.now) {
      throw clientException("Cannot delete, found existing JobQueue relationship.");
    }
    environment.status = "DELETING";
    environment.nextAt = overAt(call, [MINUTE_MS, 3 * MINUTE_MS], call.fate());
    return {};
  },
} satisfies BatchOperations;

function shown(environment: EnvironmentState): ComputeEnvironmentDetail {
  const { managed, resources, nodes, context } = environment;
  return {
    computeEnvironmentName: environment.name,
    computeEnvironmentArn: environment.arn,
    ecsClusterArn: environment.clusterArn,
    tags: { ...environment.tags },
    type: managed ? "MANAGED" : "UNMANAGED",
    state: environment.state,
    status: environment.status,
    statusReason: environment.statusReason,
    ...(resources && { computeResources: shownResources(resources, nodes) }),
    serviceRole: environment.serviceRole,
    ...(managed && { updatePolicy: environment.updatePolicy }),
    containerOrchestrationType: "ECS",
    uuid: environment.uuid,
    ...(context !== undefined && { context }),
  };
}

function shownResources(resources: ComputeResource, nodes: EnvironmentState["nodes"]): ComputeResource {
  const running = nodes.reduce((sum, { vCpus }) => sum + vCpus, 0);
  return {
    ...resources,
    desiredvCpus: Math.max(running, resources.desiredvCpus ?? 0),
    // Only what Batch itself provides can be out of date.
    ec2Configuration: resources.ec2Configuration?.map((entry) =>
      entry.imageIdOverride || resources.imageId ? entry : { ...entry, batchImageStatus: "LATEST" },
    ),
  };
}
