import type { Tag } from "@aws-sdk/client-iam";
import type { Call } from "../service.ts";
import { iamArn, profiles, roles } from "../services/iam/state.ts";
import { toTagMap } from "../services/key-value-tags.ts";
import { ANYTHING, alike, type Demand, passing, type Table, tagsOfRequest, tagsOfResource } from "./demands.ts";

interface OfRole {
  readonly RoleName?: string;
  readonly PolicyArn?: string;
  readonly PermissionsBoundary?: string;
  readonly Tags?: Tag[];
}

interface OfProfile {
  readonly InstanceProfileName?: string;
  readonly RoleName?: string;
  readonly Tags?: Tag[];
}

interface OfPolicy {
  readonly PolicyArn?: string;
  readonly PolicyName?: string;
  readonly Path?: string;
}

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html */
export const iam: Table = {
  ...alike(
    [
      "ListRoles",
      "ListInstanceProfiles",
      "ListPolicies",
      "GetServiceLinkedRoleDeletionStatus",
      "GetAccountAuthorizationDetails",
      "GetUser",
      "ListAccountAliases",
    ],
    ANYTHING,
  ),
  ...alike(
    [
      "GetRole",
      "GetRolePolicy",
      "ListAttachedRolePolicies",
      "ListRolePolicies",
      "ListInstanceProfilesForRole",
      "ListRoleTags",
      "DeleteRole",
      "DeleteRolePolicy",
      "DeleteRolePermissionsBoundary",
      "DeleteServiceLinkedRole",
      "PutRolePolicy",
      "UpdateAssumeRolePolicy",
      "UpdateRole",
      "UntagRole",
    ],
    ({ RoleName }: OfRole, call) => [onRole(call, RoleName)],
  ),
  ...alike(["AttachRolePolicy", "DetachRolePolicy"], ({ RoleName, PolicyArn = "" }: OfRole, call) => [
    onRole(call, RoleName, { "iam:PolicyARN": PolicyArn }),
  ]),
  PutRolePermissionsBoundary: ({ RoleName, PermissionsBoundary = "" }: OfRole, call: Call) => [
    // The key is the boundary asked for, not the one that is there.
    onRole(call, RoleName, { "iam:PermissionsBoundary": PermissionsBoundary }),
  ],
  TagRole: ({ RoleName, Tags }: OfRole, call: Call) => [onRole(call, RoleName, tagsOfRequest(toTagMap(Tags)))],
  CreateRole: ({ RoleName, Path = "/", Tags, PermissionsBoundary }: OfRole & { Path?: string }, call: Call) => {
    const resource = iamArn(call, `role${Path}${RoleName}`);
    const tags = tagsOfRequest(toTagMap(Tags));
    const bound = PermissionsBoundary === undefined ? {} : { "iam:PermissionsBoundary": PermissionsBoundary };
    return [
      { resource, keys: { ...tags, ...bound } },
      ...(Tags?.length ? [{ action: "iam:TagRole", resource, keys: tags }] : []),
    ];
  },
  CreateServiceLinkedRole: ({ AWSServiceName = "" }: { AWSServiceName?: string }, call: Call) => [
    {
      resource: iamArn(call, `role/aws-service-role/${AWSServiceName}/*`),
      keys: { "iam:AWSServiceName": AWSServiceName },
    },
  ],

  ...alike(
    [
      "GetInstanceProfile",
      "DeleteInstanceProfile",
      "RemoveRoleFromInstanceProfile",
      "ListInstanceProfileTags",
      "UntagInstanceProfile",
    ],
    ({ InstanceProfileName }: OfProfile, call) => [onProfile(call, InstanceProfileName)],
  ),
  TagInstanceProfile: ({ InstanceProfileName, Tags }: OfProfile, call: Call) => [
    onProfile(call, InstanceProfileName, Tags),
  ],
  CreateInstanceProfile: ({ InstanceProfileName, Path = "/", Tags }: OfProfile & { Path?: string }, call: Call) => {
    const resource = iamArn(call, `instance-profile${Path}${InstanceProfileName}`);
    const keys = tagsOfRequest(toTagMap(Tags));
    return [{ resource, keys }, ...(Tags?.length ? [{ action: "iam:TagInstanceProfile", resource, keys }] : [])];
  },
  AddRoleToInstanceProfile: ({ InstanceProfileName, RoleName }: OfProfile, call: Call) => [
    onProfile(call, InstanceProfileName),
    passing(call, onRole(call, RoleName).resource, "ec2"),
  ],

  ...alike(["GetPolicy", "GetPolicyVersion", "DeletePolicy"], ({ PolicyArn = "" }: OfPolicy) => [
    { resource: PolicyArn },
  ]),
  CreatePolicy: ({ PolicyName, Path = "/" }: OfPolicy, call: Call) => [
    { resource: iamArn(call, `policy${Path}${PolicyName}`) },
  ],
};

/** Of a role that is not there IAM does not know the path. */
function onRole(call: Call, name = "", more: Demand["keys"] = {}): Demand {
  const role = roles.find(call, name);
  const bound = role?.boundary === undefined ? {} : { "iam:PermissionsBoundary": role.boundary };
  return {
    resource: role?.arn ?? iamArn(call, `role/${name}`),
    keys: { ...tagsOfResource(role?.tags, "iam:ResourceTag"), ...bound, ...more },
  };
}

function onProfile(call: Call, name = "", tags?: Tag[]): Demand {
  const profile = profiles.find(call, name);
  return {
    resource: profile?.arn ?? iamArn(call, `instance-profile/${name}`),
    keys: { ...tagsOfResource(profile?.tags), ...tagsOfRequest(toTagMap(tags)) },
  };
}
