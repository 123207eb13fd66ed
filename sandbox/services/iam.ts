import type { Call, Constraint, Service } from "../service.ts";
import { instanceProfileOperations } from "./iam/instance-profiles.ts";
import { policyOperations } from "./iam/policies.ts";
import { trustedServices } from "./iam/policy-document.ts";
import { rolePolicyOperations } from "./iam/role-policies.ts";
import { roleOperations } from "./iam/roles.ts";
import { serviceLinkedRoleOperations } from "./iam/service-linked-roles.ts";
import { type IamOperations, iamArn, iamState, noSuchEntity } from "./iam/state.ts";

export { findInstanceProfile } from "./iam/instance-profiles.ts";
export { roleAllows } from "./iam/role-policies.ts";
export { releaseServiceLinkedRole, useServiceLinkedRole } from "./iam/service-linked-roles.ts";

const USER_NAME = "sandbox";

/** A role as the services that assume it see it. */
export interface FoundRole {
  readonly name: string;
  readonly arn: string;
  readonly usableFrom: number;
  /** Service principals that may assume it: ec2.amazonaws.com. */
  readonly trustedServices: readonly string[];
}

export function findRole(call: Call, nameOrArn: string): FoundRole | undefined {
  const role = Object.values(iamState(call).roles).find(
    ({ name, arn }) => arn === nameOrArn || name.toLowerCase() === nameOrArn.toLowerCase(),
  );
  if (role === undefined) return undefined;
  const { name, arn, usableFrom, trust } = role;
  return { name, arn, usableFrom, trustedServices: trustedServices(trust) };
}

/** The account has one user, who makes all calls. */
const userOperations = {
  GetUser({ UserName = USER_NAME }, call) {
    if (UserName !== USER_NAME) throw noSuchEntity(`The user with name ${UserName} cannot be found.`);
    const Arn = iamArn(call, `user/${UserName}`);
    return {
      User: { Path: "/", UserName, UserId: "AIDASANDBOXSANDBOX234", Arn, CreateDate: new Date(Date.UTC(2024, 0, 1)) },
    };
  },
} satisfies IamOperations;

const NAME = /^[\w+=,.@-]+$/;
const roleName: Constraint = { pattern: NAME, length: [1, 64] };
const profileName: Constraint = { pattern: NAME, length: [1, 128] };
const policyName: Constraint = { pattern: NAME, length: [1, 128] };
const arn: Constraint = { length: [20, 2048] };
const path: Constraint = { pattern: /^(\/|\/[!-~]+\/)$/, length: [1, 512] };
const document: Constraint = { pattern: /^[\t\n\r\x20-\xff]+$/, length: [1, 131_072] };
const description: Constraint = { pattern: /^[\t\n\r\x20-\x7e\xa1-\xff]*$/, length: [0, 1000] };
const sessionSeconds: Constraint = { range: [3600, 43_200] };
const maxItems: Constraint = { range: [1, 1000] };
const tags = {
  "Tags[].Key": { pattern: /^[\p{L}\p{Z}\p{N}_.:/=+@-]+$/u, length: [1, 128] },
  "Tags[].Value": { pattern: /^[\p{L}\p{Z}\p{N}_.:/=+@-]*$/u, length: [0, 256] },
} as const;

const ofRole = { RoleName: roleName };
const ofProfile = { InstanceProfileName: profileName };

export const iam: Service = {
  name: "iam",
  client: () => import("@aws-sdk/client-iam"),
  operations: {
    ...instanceProfileOperations,
    ...policyOperations,
    ...rolePolicyOperations,
    ...roleOperations,
    ...serviceLinkedRoleOperations,
    ...userOperations,
  },
  constraints: {
    AddRoleToInstanceProfile: { ...ofRole, ...ofProfile },
    AttachRolePolicy: { ...ofRole, PolicyArn: arn },
    CreateInstanceProfile: { ...ofProfile, Path: path, ...tags },
    CreatePolicy: { PolicyName: policyName, Path: path, PolicyDocument: document, Description: description, ...tags },
    CreateRole: {
      ...ofRole,
      Path: path,
      AssumeRolePolicyDocument: document,
      Description: description,
      MaxSessionDuration: sessionSeconds,
      PermissionsBoundary: arn,
      ...tags,
    },
    CreateServiceLinkedRole: { AWSServiceName: { pattern: /^[\w+=,.@-]+$/, length: [1, 128] } },
    DeleteInstanceProfile: ofProfile,
    DeleteRole: ofRole,
    DeleteRolePolicy: { ...ofRole, PolicyName: policyName },
    DetachRolePolicy: { ...ofRole, PolicyArn: arn },
    GetInstanceProfile: ofProfile,
    GetPolicy: { PolicyArn: arn },
    GetRole: ofRole,
    GetRolePolicy: { ...ofRole, PolicyName: policyName },
    ListAttachedRolePolicies: { ...ofRole, MaxItems: maxItems },
    ListInstanceProfiles: { MaxItems: maxItems },
    ListPolicies: { Scope: { oneOf: ["All", "AWS", "Local"] }, MaxItems: maxItems },
    ListRoles: { PathPrefix: { pattern: /^\/[!-~]*$/, length: [1, 512] }, MaxItems: maxItems },
    PutRolePermissionsBoundary: { ...ofRole, PermissionsBoundary: arn },
    PutRolePolicy: { ...ofRole, PolicyName: policyName, PolicyDocument: document },
    RemoveRoleFromInstanceProfile: { ...ofRole, ...ofProfile },
    TagInstanceProfile: { ...ofProfile, ...tags },
    TagRole: { ...ofRole, ...tags },
    UpdateAssumeRolePolicy: { ...ofRole, PolicyDocument: document },
    UpdateRole: { ...ofRole, Description: description, MaxSessionDuration: sessionSeconds },
  },
};
