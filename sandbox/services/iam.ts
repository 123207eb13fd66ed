import type { Call, Service } from "../service.ts";
import { accountDetailOperations } from "./iam/account-details.ts";
import { instanceProfileOperations } from "./iam/instance-profiles.ts";
import { policyOperations } from "./iam/policies.ts";
import { trustedServices } from "./iam/policy-document.ts";
import { rolePolicyOperations } from "./iam/role-policies.ts";
import { roleOperations } from "./iam/roles.ts";
import { serviceLinkedRoleOperations } from "./iam/service-linked-roles.ts";
import { type IamOperations, iamArn, noSuchEntity, roles } from "./iam/state.ts";

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
  const role = roles
    .all(call)
    .find(({ name, arn }) => arn === nameOrArn || name.toLowerCase() === nameOrArn.toLowerCase());
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

export const iam: Service = {
  name: "iam",
  client: () => import("@aws-sdk/client-iam"),
  model: () => import("../models/iam.json", { with: { type: "json" } }),
  validationError: "ValidationError",
  operations: {
    ...accountDetailOperations,
    ...instanceProfileOperations,
    ...policyOperations,
    ...rolePolicyOperations,
    ...roleOperations,
    ...serviceLinkedRoleOperations,
    ...userOperations,
  },
};
