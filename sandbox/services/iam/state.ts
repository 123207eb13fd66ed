import { collection } from "../../collection.ts";
import { type Call, Refusal } from "../../service.ts";
import type { TagMap } from "../key-value-tags.ts";
import type { Operations } from "../operations.ts";

export type IamOperations = Operations<typeof import("@aws-sdk/client-iam")>;

export interface RoleState {
  readonly name: string;
  readonly id: string;
  readonly arn: string;
  readonly path: string;
  readonly createdAt: number;
  /** Reads may not see a new role at once. */
  readonly visibleFrom: number;
  /** From when other services may assume it. */
  readonly usableFrom: number;
  trust: string;
  description?: string | undefined;
  maxSessionSeconds: number;
  tags: TagMap;
  /** ARNs of managed policies. */
  attached: string[];
  inline: Record<string, string>;
  boundary?: string | undefined;
}

export interface ProfileState {
  readonly name: string;
  readonly id: string;
  readonly arn: string;
  readonly path: string;
  readonly createdAt: number;
  readonly visibleFrom: number;
  /** From when EC2 takes it; counted anew when it gets a role. */
  usableFrom: number;
  role?: string | undefined;
  tags: TagMap;
}

export interface PolicyState {
  readonly name: string;
  readonly id: string;
  readonly arn: string;
  readonly path: string;
  readonly createdAt: number;
  readonly document: string;
  readonly description?: string | undefined;
  tags: TagMap;
}

export interface IamState {
  /** By name in lower case: names that differ in case alone are one name. */
  readonly roles: Record<string, RoleState>;
  readonly profiles: Record<string, ProfileState>;
  /** Customer managed policies, by ARN. */
  readonly policies: Record<string, PolicyState>;
  /** What uses a service-linked role, by role name: `<region>/<ARN>`. */
  readonly uses: Record<string, string[]>;
  /** Finished deletions of service-linked roles, by task: what they were refused for. */
  readonly deletions: Record<string, { readonly inUseBy: readonly string[] }>;
}

/** Each partition has an IAM of its own. */
export function iamState(call: Call): IamState {
  const partitions = call.slice<Record<string, IamState>>("iam", "global", () => ({}));
  partitions[call.partition] ??= { roles: {}, profiles: {}, policies: {}, uses: {}, deletions: {} };
  return partitions[call.partition]!;
}

const lowerCase = (name: string) => name.toLowerCase();

export const roles = collection(
  (call) => iamState(call).roles,
  (name) => noSuchEntity(`The role with name ${name} cannot be found.`),
  lowerCase,
);

export const profiles = collection(
  (call) => iamState(call).profiles,
  (name) => noSuchEntity(`Instance Profile ${name} cannot be found.`),
  lowerCase,
);

/** A role that may be changed: service-linked ones may not. */
export function ownRole(call: Call, name: string | undefined): RoleState {
  const role = roles.get(call, name);
  if (!role.path.startsWith("/aws-service-role/")) return role;
  throw new Refusal(
    "UnmodifiableEntity",
    `Cannot perform the operation on the protected role '${role.name}' - this role is only modifiable by AWS`,
  );
}

export function noSuchEntity(message: string): Refusal {
  return new Refusal("NoSuchEntity", message, 404);
}

export function limitExceeded(message: string): Refusal {
  return new Refusal("LimitExceeded", message, 409);
}

export function deleteConflict(message: string): Refusal {
  return new Refusal("DeleteConflict", message, 409);
}

export function alreadyExists(message: string): Refusal {
  return new Refusal("EntityAlreadyExists", message, 409);
}

const ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** AROA… for roles, AIPA… for instance profiles, ANPA… for policies. */
export function uniqueId(call: Call, prefix: string): string {
  const letter = () => ID_LETTERS[Math.floor(call.random() * ID_LETTERS.length)] ?? "A";
  return prefix + Array.from({ length: 17 }, letter).join("");
}

export function iamArn({ partition, account }: Call, resource: string): string {
  return `arn:${partition}:iam::${account}:${resource}`;
}

/** Mostly at once, now and then a few seconds later. */
export function visibleFrom(call: Call): number {
  return call.now + call.unseenMs + (call.random() < 0.2 ? call.between(500, 4_000) : 0);
}
