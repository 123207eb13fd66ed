import type { Role } from "@aws-sdk/client-iam";
import type { Call } from "../../service.ts";
import { toTags, withoutTags } from "../key-value-tags.ts";
import { encoded, listed } from "./lists.ts";
import { findPolicy } from "./policies.ts";
import { checkTrustPolicy } from "./policy-document.ts";
import {
  alreadyExists,
  deleteConflict,
  type IamOperations,
  iamArn,
  limitExceeded,
  noSuchEntity,
  ownRole,
  profiles,
  type RoleState,
  roles,
  uniqueId,
  visibleFrom,
} from "./state.ts";
import { withTags } from "./tags.ts";

const TRUST_LIMIT = 2048;

export const roleOperations = {
  CreateRole(input, call) {
    const name = input.RoleName!;
    const trust = input.AssumeRolePolicyDocument!;
    if (roles.find(call, name) !== undefined) throw alreadyExists(`Role with name ${name} already exists.`);
    checkTrust(trust, call);
    checkBoundary(input.PermissionsBoundary, call);
    const role = roles.add(call, name, newRole(call, name, input.Path ?? "/", trust));
    role.description = input.Description;
    role.maxSessionSeconds = input.MaxSessionDuration ?? 3600;
    role.boundary = input.PermissionsBoundary;
    role.tags = withTags({}, input.Tags);
    return { Role: { ...summary(role), ...boundaryOf(role), ...tagsOf(role) } };
  },

  GetRole(input, call) {
    const role = roles.read(call, input.RoleName);
    return { Role: { ...summary(role), ...boundaryOf(role), ...tagsOf(role), RoleLastUsed: {} } };
  },

  /** As in a list: without tags and boundary, which IAM gives for one role only. */
  ListRoles(input, call) {
    const prefix = input.PathPrefix ?? "/";
    const chosen = roles.visible(call).filter(({ path }) => path.startsWith(prefix));
    const { items, next } = listed(call, input, chosen, ({ name }) => name);
    return { Roles: items.map(summary), ...next };
  },

  DeleteRole(input, call) {
    const role = ownRole(call, input.RoleName);
    if (profiles.all(call).some((profile) => profile.role === role.name)) {
      throw deleteConflict("Cannot delete entity, must remove roles from instance profile first.");
    }
    if (role.attached.length > 0) throw deleteConflict("Cannot delete entity, must detach all policies first.");
    if (Object.keys(role.inline).length > 0) throw deleteConflict("Cannot delete entity, must delete policies first.");
    roles.remove(call, role.name);
    return {};
  },

  UpdateRole(input, call) {
    const role = ownRole(call, input.RoleName);
    // What is left out goes back to its default.
    role.description = input.Description;
    role.maxSessionSeconds = input.MaxSessionDuration ?? 3600;
    return {};
  },

  UpdateAssumeRolePolicy(input, call) {
    const role = ownRole(call, input.RoleName);
    checkTrust(input.PolicyDocument!, call);
    role.trust = input.PolicyDocument!;
    return {};
  },

  TagRole(input, call) {
    const role = ownRole(call, input.RoleName);
    role.tags = withTags(role.tags, input.Tags);
    return {};
  },

  UntagRole(input, call) {
    const role = ownRole(call, input.RoleName);
    role.tags = withoutTags(role.tags, input.TagKeys);
    return {};
  },

  ListRoleTags(input, call) {
    const role = roles.read(call, input.RoleName);
    const { items, next } = listed(call, input, toTags(role.tags), ({ Key }) => Key);
    return { Tags: items, ...next };
  },

  PutRolePermissionsBoundary(input, call) {
    const role = ownRole(call, input.RoleName);
    checkBoundary(input.PermissionsBoundary, call);
    role.boundary = input.PermissionsBoundary;
    return {};
  },

  DeleteRolePermissionsBoundary(input, call) {
    const role = ownRole(call, input.RoleName);
    if (role.boundary === undefined) throw noSuchEntity(`No permissions boundary on the role ${role.name}.`);
    role.boundary = undefined;
    return {};
  },
} satisfies IamOperations;

export function newRole(call: Call, name: string, path: string, trust: string): RoleState {
  return {
    name,
    id: uniqueId(call, "AROA"),
    arn: iamArn(call, `role${path}${name}`),
    path,
    createdAt: call.now,
    visibleFrom: visibleFrom(call),
    usableFrom: call.now + call.between(5_000, 15_000),
    trust,
    maxSessionSeconds: 3600,
    tags: {},
    attached: [],
    inline: {},
  };
}

/** What IAM says of a role wherever it shows it. */
export function summary(role: RoleState): Role {
  return {
    Path: role.path,
    RoleName: role.name,
    RoleId: role.id,
    Arn: role.arn,
    CreateDate: new Date(role.createdAt),
    AssumeRolePolicyDocument: encoded(role.trust),
    ...(role.description !== undefined && { Description: role.description }),
    MaxSessionDuration: role.maxSessionSeconds,
  };
}

export function boundaryOf({ boundary }: RoleState): Pick<Role, "PermissionsBoundary"> {
  if (boundary === undefined) return {};
  return {
    PermissionsBoundary: {
      PermissionsBoundaryType: "Policy" as "PermissionsBoundaryPolicy",
      PermissionsBoundaryArn: boundary,
    },
  };
}

export function tagsOf({ tags }: RoleState): Pick<Role, "Tags"> {
  return Object.keys(tags).length === 0 ? {} : { Tags: toTags(tags) };
}

function checkTrust(document: string, call: Call): void {
  checkTrustPolicy(document, call.partition);
  if (document.replaceAll(/\s/g, "").length > TRUST_LIMIT) {
    throw limitExceeded(`Cannot exceed quota for ACLSizePerRole: ${TRUST_LIMIT}`);
  }
}

function checkBoundary(arn: string | undefined, call: Call): void {
  if (arn !== undefined && findPolicy(call, arn) === undefined) {
    throw noSuchEntity(`Scope ARN: ${arn} does not exist or is not attachable.`);
  }
}
