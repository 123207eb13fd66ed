import type { Policy } from "@aws-sdk/client-iam";
import { type Call, Refusal } from "../../service.ts";
import { type TagMap, toTags } from "../key-value-tags.ts";
import { encoded, listed } from "./lists.ts";
import { managedPolicy, managedPolicyArns } from "./managed-policies.ts";
import { checkIdentityPolicy } from "./policy-document.ts";
import {
  alreadyExists,
  deleteConflict,
  type IamOperations,
  iamArn,
  iamState,
  noSuchEntity,
  roles,
  uniqueId,
} from "./state.ts";
import { withTags } from "./tags.ts";

/** Managed policies are older than any world. */
const LONG_AGO = Date.UTC(2015, 1, 6, 18, 40, 0);

export interface FoundPolicy {
  readonly name: string;
  readonly id: string;
  readonly arn: string;
  readonly path: string;
  readonly document: string;
  readonly createdAt: number;
  readonly description?: string | undefined;
  readonly tags: Readonly<TagMap>;
}

/** AWS's own or the customer's; undefined when there is none. */
export function findPolicy(call: Call, arn: string): FoundPolicy | undefined {
  const own = iamState(call).policies[arn];
  if (own !== undefined) return own;
  const managed = managedPolicy(arn, call.partition);
  if (managed === undefined) return undefined;
  // An id of the shape IAM gives, the same each time one asks.
  const id = `ANPA${Buffer.from(managed.name).toString("hex").toUpperCase().padEnd(17, "Z").slice(-17)}`;
  return { ...managed, id, createdAt: LONG_AGO, tags: {} };
}

/** Refuses an ARN that no policy of this partition can have. */
export function checkPolicyArn(arn: string, { partition, account }: Call): void {
  const [start, inPartition, service, region, owner, resource = ""] = arn.split(":");
  const fits =
    start === "arn" &&
    inPartition === partition &&
    service === "iam" &&
    region === "" &&
    (owner === "aws" || owner === account) &&
    resource.startsWith("policy/");
  if (!fits) throw new Refusal("InvalidInput", `ARN ${arn} is not valid.`);
}

export const policyOperations = {
  CreatePolicy(input, call) {
    const name = input.PolicyName!;
    const path = input.Path ?? "/";
    const arn = iamArn(call, `policy${path}${name}`);
    const { policies } = iamState(call);
    if (Object.values(policies).some((policy) => policy.name.toLowerCase() === name.toLowerCase())) {
      throw alreadyExists(`A policy called ${name} already exists. Duplicate names are not allowed.`);
    }
    checkIdentityPolicy(input.PolicyDocument!, call.partition);
    policies[arn] = {
      name,
      id: uniqueId(call, "ANPA"),
      arn,
      path,
      createdAt: call.now,
      document: input.PolicyDocument!,
      description: input.Description,
      tags: withTags({}, input.Tags),
    };
    return { Policy: shown(call, policies[arn]) };
  },

  GetPolicy(input, call) {
    const policy = policyOf(call, input.PolicyArn!);
    return { Policy: { ...shown(call, policy), Tags: toTags(policy.tags) } };
  },

  GetPolicyVersion(input, call) {
    const { document, createdAt } = policyOf(call, input.PolicyArn!);
    if (input.VersionId !== "v1") {
      throw noSuchEntity(`Policy ${input.PolicyArn} version ${input.VersionId} does not exist or is not attachable.`);
    }
    const Document = encoded(document);
    return { PolicyVersion: { Document, VersionId: "v1", IsDefaultVersion: true, CreateDate: new Date(createdAt) } };
  },

  ListPolicies(input, call) {
    const scope = input.Scope ?? "All";
    const own = scope === "AWS" ? [] : Object.keys(iamState(call).policies);
    const managed = scope === "Local" ? [] : managedPolicyArns(call.partition);
    const policies = [...own, ...managed]
      .map((arn) => findPolicy(call, arn)!)
      .filter(({ path }) => path.startsWith(input.PathPrefix ?? "/"))
      .filter(({ arn }) => !input.OnlyAttached || attachments(call, arn) > 0);
    const { items, next } = listed(call, input, policies, ({ arn }) => arn);
    return { Policies: items.map((policy) => shown(call, policy)), ...next };
  },

  DeletePolicy(input, call) {
    const arn = input.PolicyArn!;
    const { policies } = iamState(call);
    if (!(arn in policies)) throw noSuchEntity(`Policy ${arn} was not found.`);
    if (attachments(call, arn) > 0 || boundaries(call, arn) > 0) {
      throw deleteConflict("Cannot delete a policy attached to entities.");
    }
    delete policies[arn];
    return {};
  },
} satisfies IamOperations;

function policyOf(call: Call, arn: string): FoundPolicy {
  checkPolicyArn(arn, call);
  const policy = findPolicy(call, arn);
  if (policy === undefined) throw noSuchEntity(`Policy ${arn} was not found.`);
  return policy;
}

function shown(call: Call, policy: FoundPolicy): Policy {
  return {
    PolicyName: policy.name,
    PolicyId: policy.id,
    Arn: policy.arn,
    Path: policy.path,
    DefaultVersionId: "v1",
    AttachmentCount: attachments(call, policy.arn),
    PermissionsBoundaryUsageCount: boundaries(call, policy.arn),
    IsAttachable: true,
    ...(policy.description !== undefined && { Description: policy.description }),
    CreateDate: new Date(policy.createdAt),
    UpdateDate: new Date(policy.createdAt),
  };
}

function attachments(call: Call, arn: string): number {
  return roles.all(call).filter(({ attached }) => attached.includes(arn)).length;
}

function boundaries(call: Call, arn: string): number {
  return roles.all(call).filter(({ boundary }) => boundary === arn).length;
}
