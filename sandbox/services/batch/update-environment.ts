import type { ComputeResource, UpdateComputeEnvironmentCommandInput } from "@aws-sdk/client-batch";
import { doomOf, MINUTE_MS, NEVER, overAt } from "../../lifecycle.ts";
import type { Call } from "../../service.ts";
import { checkCounts, checkedResources } from "./resources.ts";
import { type BatchOperations, clientException, type EnvironmentState, isModified, liveEnvironment } from "./state.ts";

/** What can change without new instances. */
const SCALING = new Set(["minvCpus", "maxvCpus", "desiredvCpus", "scalingPolicy"]);

export const updateEnvironmentOperations = {
  UpdateComputeEnvironment(input, call) {
    const environment = liveEnvironment(call, input.computeEnvironment);
    if (isModified(environment)) throw clientException("Cannot update, resource is being modified.");
    checkRequest(call, input);
    checkServiceRole(environment, input.serviceRole);
    const resources = changedResources(call, environment, input);
    const disruptive =
      resources !== undefined &&
      environment.resources !== undefined &&
      differing(environment.resources, resources).some((name) => !SCALING.has(name));
    if (disruptive) checkReplaceable(environment, resources);
    if (input.updatePolicy) {
      environment.updatePolicy = {
        terminateJobsOnUpdate: input.updatePolicy.terminateJobsOnUpdate ?? false,
        jobExecutionTimeoutMinutes: input.updatePolicy.jobExecutionTimeoutMinutes ?? 30,
      };
    }
    const fate = call.fate();
    environment.state = input.state ?? environment.state;
    environment.serviceRole = input.serviceRole ?? environment.serviceRole;
    environment.status = "UPDATING";
    environment.statusReason = "";
    environment.doom = doomOf(fate, "INTERNAL_ERROR - The update failed.");
    if (disruptive) {
      const { terminateJobsOnUpdate, jobExecutionTimeoutMinutes } = environment.updatePolicy;
      environment.update = {
        resources,
        killsAt: terminateJobsOnUpdate ? call.now : call.now + jobExecutionTimeoutMinutes * MINUTE_MS,
        replacesMs: fate?.ms ?? call.between(30_000, 2 * MINUTE_MS),
      };
      // Due at once: the wait for running jobs is over when none runs.
      environment.nextAt = fate?.kind === "never" ? NEVER : call.now;
    } else {
      environment.resources = resources ?? environment.resources;
      environment.nextAt = overAt(call, [5_000, 30_000], fate);
    }
    return { computeEnvironmentName: environment.name, computeEnvironmentArn: environment.arn };
  },
} satisfies BatchOperations;

function checkRequest(call: Call, input: UpdateComputeEnvironmentCommandInput): void {
  const { state, computeResources, serviceRole, unmanagedvCpus, updatePolicy, context } = input;
  if ([state, computeResources, serviceRole, unmanagedvCpus, context].every((member) => member === undefined)) {
    throw clientException("One of [state | compute-resources | service-role | unmanaged-vcpus] is required.");
  }
  // Less than elsewhere: https://docs.amazonaws.cn/batch/latest/APIReference/API_UpdatePolicy.html
  const minutes = updatePolicy?.jobExecutionTimeoutMinutes ?? 0;
  if (call.partition === "aws-cn" && minutes > 360) {
    throw clientException(
      `1 validation error detected: Value '${minutes}' at 'updatePolicy.jobExecutionTimeoutMinutes' failed to satisfy ` +
        "constraint: Member must have value less than or equal to 360",
    );
  }
}

function checkServiceRole({ serviceRole }: EnvironmentState, wanted: string | undefined): void {
  const isLinked = (role: string) => role.includes("AWSServiceRoleForBatch");
  if (wanted !== undefined && isLinked(wanted) !== isLinked(serviceRole)) {
    throw clientException("Cannot change between a service-linked role and another service role.");
  }
}

/** The resources as they will be; undefined when nothing was said about them. */
function changedResources(
  call: Call,
  { managed, resources, nodes }: EnvironmentState,
  { computeResources: asked }: UpdateComputeEnvironmentCommandInput,
): ComputeResource | undefined {
  if (asked === undefined) return undefined;
  if (!managed || resources === undefined) {
    throw clientException("computeResources cannot be given for an UNMANAGED compute environment.");
  }
  const { updateToLatestImageVersion: _, managedInstancesProvider: __, ...given } = asked;
  const wanted = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const merged = { ...resources, ...wanted } as ComputeResource;
  const desired = Math.max(
    resources.desiredvCpus ?? 0,
    nodes.reduce((sum, { vCpus }) => sum + vCpus, 0),
  );
  if (asked.desiredvCpus !== undefined && asked.desiredvCpus < desired) {
    throw clientException(
      "Manually scaling down compute environment is not supported. Disconnecting job queues from compute environment " +
        "will cause it to scale-down to minvCpus.",
    );
  }
  if (asked.desiredvCpus === undefined)
    merged.desiredvCpus = Math.max(resources.desiredvCpus ?? 0, merged.minvCpus ?? 0);
  merged.desiredvCpus = Math.min(merged.desiredvCpus ?? 0, merged.maxvCpus ?? 0);
  checkCounts(merged.minvCpus ?? 0, merged.maxvCpus, merged.desiredvCpus);
  // An empty value takes the setting away.
  if (merged.imageId === "") delete merged.imageId;
  const { launchTemplateId, launchTemplateName } = merged.launchTemplate ?? {};
  if (!launchTemplateId && !launchTemplateName) delete merged.launchTemplate;
  return checkedResources(call, merged);
}

function differing(before: ComputeResource, after: ComputeResource): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]) as Set<keyof ComputeResource>;
  return [...names].filter((name) => canonical(before[name]) !== canonical(after[name]));
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return JSON.stringify(value.map(canonical).sort());
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "";
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return JSON.stringify(entries.map(([key, each]) => [key, canonical(each)]).sort());
}

function checkReplaceable({ serviceRole, resources }: EnvironmentState, wanted: ComputeResource): void {
  if (!serviceRole.includes("AWSServiceRoleForBatch")) {
    throw clientException("Infrastructure updates require the service-linked role AWSServiceRoleForBatch.");
  }
  if (resources?.allocationStrategy === "BEST_FIT" || wanted.allocationStrategy === "BEST_FIT") {
    throw clientException(
      "Infrastructure updates are not supported for compute environments with allocation strategy BEST_FIT.",
    );
  }
}
