import { type Call, Refusal } from "../../service.ts";
import { newRole, summary } from "./roles.ts";
import { type IamOperations, iamState, noSuchEntity, type RoleState, roles } from "./state.ts";

const ROLE_NAMES: Readonly<Record<string, string>> = {
  "autoscaling.amazonaws.com": "AWSServiceRoleForAutoScaling",
  "batch.amazonaws.com": "AWSServiceRoleForBatch",
  "ec2fleet.amazonaws.com": "AWSServiceRoleForEC2Fleet",
  "ecs.amazonaws.com": "AWSServiceRoleForECS",
  "fsx.amazonaws.com": "AWSServiceRoleForAmazonFSx",
  "spot.amazonaws.com": "AWSServiceRoleForEC2Spot",
  "spotfleet.amazonaws.com": "AWSServiceRoleForEC2SpotFleet",
  "ssm.amazonaws.com": "AWSServiceRoleForAmazonSSM",
};

/** Services that let one account have several roles, told apart by a suffix. */
const TAKES_SUFFIX = new Set(["autoscaling.amazonaws.com"]);

export const serviceLinkedRoleOperations = {
  CreateServiceLinkedRole(input, call) {
    const service = input.AWSServiceName!;
    const base = ROLE_NAMES[service];
    if (base === undefined) {
      throw new Refusal("InvalidInput", `${service} is not a valid service principal for a service-linked role.`);
    }
    if (input.CustomSuffix !== undefined && !TAKES_SUFFIX.has(service)) {
      throw new Refusal("InvalidInput", `Custom suffix is not allowed for ${service}`);
    }
    const name = input.CustomSuffix === undefined ? base : `${base}_${input.CustomSuffix}`;
    if (roles.find(call, name) !== undefined) {
      throw new Refusal(
        "InvalidInput",
        `Service role name ${name} has been taken in this account, please try a different suffix.`,
      );
    }
    const role = makeRole(call, service, name);
    role.description = input.Description;
    return { Role: summary(role) };
  },

  DeleteServiceLinkedRole(input, call) {
    const { uses, deletions } = iamState(call);
    const role = roles.get(call, input.RoleName);
    if (!role.path.startsWith("/aws-service-role/")) {
      throw new Refusal("InvalidInput", `The role ${role.name} is not a service-linked role.`);
    }
    const inUseBy = uses[role.name] ?? [];
    if (inUseBy.length === 0) roles.remove(call, role.name);
    const taskId = `task${role.path}${role.name}/${call.uuid()}`;
    deletions[taskId] = { inUseBy };
    return { DeletionTaskId: taskId };
  },

  GetServiceLinkedRoleDeletionStatus(input, call) {
    const task = iamState(call).deletions[input.DeletionTaskId!];
    if (task === undefined) throw noSuchEntity(`Service role deletion task ${input.DeletionTaskId} cannot be found.`);
    if (task.inUseBy.length === 0) return { Status: "SUCCEEDED" };
    const regions = new Set(task.inUseBy.map((use) => use.slice(0, use.indexOf("/"))));
    const RoleUsageList = [...regions].map((Region) => ({
      Region,
      Resources: task.inUseBy.filter((use) => use.startsWith(`${Region}/`)).map((use) => use.slice(Region.length + 1)),
    }));
    return {
      Status: "FAILED",
      Reason: { Reason: "The role could not be deleted because it is in use.", RoleUsageList },
    };
  },
} satisfies IamOperations;

/** Whether the first use of a service would make its role. */
export function lacksServiceLinkedRole(call: Call, service: string): boolean {
  return roles.find(call, ROLE_NAMES[service]) === undefined;
}

/** Makes a service's own role at the first use of the service, and keeps it from being deleted while in use. */
export function useServiceLinkedRole(call: Call, service: string, resourceArn: string): string {
  const name = ROLE_NAMES[service] ?? "";
  const { uses } = iamState(call);
  const role = roles.find(call, name) ?? makeRole(call, service, name);
  uses[name] = [...new Set([...(uses[name] ?? []), `${call.region}/${resourceArn}`])];
  return role.arn;
}

export function releaseServiceLinkedRole(call: Call, service: string, resourceArn: string): void {
  const name = ROLE_NAMES[service] ?? "";
  const { uses } = iamState(call);
  uses[name] = (uses[name] ?? []).filter((use) => use !== `${call.region}/${resourceArn}`);
}

function makeRole(call: Call, service: string, name: string): RoleState {
  const trust = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { Service: service }, Action: "sts:AssumeRole" }],
  });
  const role = newRole(call, name, `/aws-service-role/${service}/`, trust);
  return roles.add(call, name, { ...role, visibleFrom: call.now });
}
