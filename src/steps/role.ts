import {
  AttachRolePolicyCommand,
  CreateRoleCommand,
  DeleteRoleCommand,
  DeleteRolePermissionsBoundaryCommand,
  DeleteRolePolicyCommand,
  DetachRolePolicyCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  PutRolePermissionsBoundaryCommand,
  PutRolePolicyCommand,
  paginateListAttachedRolePolicies,
  paginateListInstanceProfilesForRole,
  paginateListRolePolicies,
  paginateListRoles,
  RemoveRoleFromInstanceProfileCommand,
  type Role,
  TagRoleCommand,
  UpdateAssumeRolePolicyCommand,
} from "@aws-sdk/client-iam";
import type { Cloud } from "../aws/clients.ts";
import { orNothing } from "../aws/errors.ts";
import { driftOf, type Fields, repair } from "../aws/fields.ts";
import { findByIamName } from "../aws/iam-names.ts";
import { listed } from "../aws/pages.ts";
import type { PolicyDocument } from "../aws/policies.ts";
import { fingerprintTags, fromTags, iamName, tagList, tagRecord, tagsOf } from "../aws/tags.ts";
import type { FindContext, Found, Step } from "../engine/step.ts";

export interface RoleInputs {
  /** Who may assume it: ec2.amazonaws.com, in China too. */
  readonly service: string;
  /** The only account for which the service may assume it; asked of a service that says for which account it acts. */
  readonly sourceAccount?: string | undefined;
  /** ARNs; any other that is attached is taken off. */
  readonly managedPolicies: readonly string[];
  /** The only one it has; any other is deleted. */
  readonly inlinePolicy?: PolicyDocument | undefined;
  /** Begins and ends with a slash. */
  readonly path: string;
  /** ARN of the policy that bounds it. */
  readonly permissionsBoundary?: string | undefined;
}

export interface RoleOutput {
  readonly arn: string;
  readonly roleName: string;
}

/** Every node that was ever of this kind: its roles are asked for by name, because few may list those of the account. */
export const ROLE_NODES: readonly string[] = ["node-role", "job-role", "builder-role", "image-builder-role"];

/** A role of our own, with no policies but those it is given here: what others add to it is drift. */
export const role: Step<RoleInputs, RoleOutput, unknown, Cloud> = {
  kind: "role",
  naming: "fixed",
  pace: { expectMs: 0, everyMs: 2_000, timeoutMs: 5 * 60_000 },

  fixed: ({ path }) => ({ path }),

  find: (context) =>
    findByIamName(
      context,
      ROLE_NODES,
      {
        pages: paginateListRoles({ client: context.cloud.iam }, {}),
        names: ({ Roles }) => Roles?.map(({ RoleName }) => RoleName),
      },
      roleNamed,
    ),

  async create(context) {
    const { cloud, inputs, name, node } = context;
    const { Role: made } = await cloud.iam.send(
      new CreateRoleCommand({
        RoleName: iamName(context),
        Path: inputs.path,
        Description: `${name} ${node}`,
        AssumeRolePolicyDocument: JSON.stringify(trustOf(inputs)),
        PermissionsBoundary: inputs.permissionsBoundary,
        Tags: tagList(tagsOf(context)),
      }),
    );
    return made!.RoleName!;
  },

  async stamp(context, { ref: RoleName }) {
    await context.cloud.iam.send(new TagRoleCommand({ RoleName, Tags: tagList(fingerprintTags(context)) }));
  },

  update: (context, found) => repair(FIELDS, context, found),

  async destroy({ cloud }, { ref: RoleName }) {
    const { iam } = cloud;
    // IAM deletes no role that still has policies or stands in a profile, whoever put it there.
    for (const PolicyArn of await attachedTo(cloud, RoleName)) {
      await orNothing(iam.send(new DetachRolePolicyCommand({ RoleName, PolicyArn })));
    }
    for (const PolicyName of await inlineOf(cloud, RoleName)) {
      await orNothing(iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName })));
    }
    for (const InstanceProfileName of await profilesWith(cloud, RoleName)) {
      await orNothing(iam.send(new RemoveRoleFromInstanceProfileCommand({ RoleName, InstanceProfileName })));
    }
    await orNothing(iam.send(new DeleteRoleCommand({ RoleName })));
  },
};

/** The one inline policy we write. */
const INLINE = "bootstrap";

async function roleNamed(
  context: FindContext<RoleInputs, Cloud>,
  RoleName: string,
): Promise<Found<RoleOutput> | undefined> {
  const { cloud, inputs } = context;
  const [answer, rights] = await Promise.all([
    orNothing(cloud.iam.send(new GetRoleCommand({ RoleName }))),
    inputs && rightsOf(cloud, RoleName, inputs),
  ]);
  const live = answer?.Role;
  if (!live) return undefined;
  return {
    ref: live.RoleName!,
    ...fromTags(context, tagRecord(live.Tags)),
    state: "ready",
    createdAt: live.CreateDate,
    output: { arn: live.Arn!, roleName: live.RoleName! },
    drift: inputs && driftOf(FIELDS, inputs, { ...live, ...rights! }),
  };
}

/** What a role may do, whoever gave it that right. */
interface Rights {
  /** ARNs. */
  readonly attached: readonly string[];
  /** Names of inline policies. */
  readonly inline: readonly string[];
  readonly own: unknown;
}

async function rightsOf(cloud: Cloud, RoleName: string, { inlinePolicy }: RoleInputs): Promise<Rights> {
  const [attached, inline, own] = await Promise.all([
    attachedTo(cloud, RoleName),
    inlineOf(cloud, RoleName),
    inlinePolicy && ownPolicy(cloud, RoleName),
  ]);
  return { attached, inline, own };
}

/** In the order of repair: what others have put in a role goes before our own, which AWS may have no room for beside it. */
const FIELDS: Fields<RoleInputs, Role & Rights> = {
  "trust policy": {
    want: (inputs) => normal(trustOf(inputs)),
    have: ({ AssumeRolePolicyDocument }) => normal(decoded(inOneName(AssumeRolePolicyDocument))),
    repair: ({ cloud, inputs }, { ref: RoleName }) => {
      const PolicyDocument = JSON.stringify(trustOf(inputs));
      return cloud.iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument }));
    },
  },
  boundary: {
    want: ({ permissionsBoundary = null }) => permissionsBoundary,
    have: ({ PermissionsBoundary }) => PermissionsBoundary?.PermissionsBoundaryArn,
    repair: ({ cloud: { iam }, inputs: { permissionsBoundary: PermissionsBoundary } }, { ref: RoleName }) =>
      PermissionsBoundary === undefined
        ? orNothing<unknown>(iam.send(new DeleteRolePermissionsBoundaryCommand({ RoleName })))
        : iam.send(new PutRolePermissionsBoundaryCommand({ RoleName, PermissionsBoundary })),
  },
  "managed policies": {
    want: ({ managedPolicies }) => [...managedPolicies].sort(),
    have: ({ attached }) => [...attached].sort(),
    async repair({ cloud, inputs: { managedPolicies } }, { ref: RoleName }) {
      const attached = await attachedTo(cloud, RoleName);
      for (const PolicyArn of managedPolicies.filter((arn) => !attached.includes(arn))) {
        await cloud.iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn }));
      }
      for (const PolicyArn of attached.filter((arn) => !managedPolicies.includes(arn))) {
        await orNothing(cloud.iam.send(new DetachRolePolicyCommand({ RoleName, PolicyArn })));
      }
    },
  },
  "other inline policies": {
    want: () => null,
    have: ({ inline }, inputs) => unwanted(inline, inputs).join(", ") || null,
    async repair({ cloud, inputs }, { ref: RoleName }) {
      for (const PolicyName of unwanted(await inlineOf(cloud, RoleName), inputs)) {
        await orNothing(cloud.iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName })));
      }
    },
  },
  "inline policy": {
    want: ({ inlinePolicy }) => normal(inlinePolicy) ?? null,
    have: ({ own }) => normal(own),
    repair: ({ cloud, inputs: { inlinePolicy } }, { ref: RoleName }) => {
      const PolicyDocument = JSON.stringify(inlinePolicy);
      return cloud.iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: INLINE, PolicyDocument }));
    },
  },
};

function unwanted(inline: readonly string[], { inlinePolicy }: RoleInputs): string[] {
  return inline.filter((policyName) => !inlinePolicy || policyName !== INLINE).sort();
}

/** ECS sends aws:SourceAccount; where a service sends none, the condition (IfExists) does not apply. */
function trustOf({ service, sourceAccount }: RoleInputs) {
  const Condition = sourceAccount && { StringEqualsIfExists: { "aws:SourceAccount": sourceAccount } };
  return {
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Principal: { Service: service }, Action: "sts:AssumeRole", ...(Condition && { Condition }) },
    ],
  };
}

/** In China a service goes by two names, ec2.amazonaws.com and ec2.amazonaws.com.cn, and IAM takes both. */
function inOneName(trust: string | undefined): string | undefined {
  return trust?.replaceAll(".amazonaws.com.cn", ".amazonaws.com");
}

/** IAM answers documents URL-encoded. */
function decoded(document: string | undefined): unknown {
  return document === undefined ? undefined : JSON.parse(decodeURIComponent(document));
}

/** One spelling for what IAM reads alike: a lone value is a list of one, and only statements have an order. */
function normal(value: unknown, member?: string): unknown {
  if (Array.isArray(value)) {
    const list = value.map((entry) => normal(entry, ""));
    return member === "Statement" ? list : list.sort();
  }
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).map(([key, entry]) => [key, normal(entry, key)]);
    const record = Object.fromEntries(entries) as unknown;
    return member === "Statement" ? [record] : record;
  }
  return typeof value === "string" && member !== undefined && !ALONE.has(member) ? [value] : value;
}

/** Members that are never a list; the empty name stands for an entry of one. */
const ALONE: ReadonlySet<string> = new Set(["", "Version", "Id", "Sid", "Effect"]);

async function ownPolicy(cloud: Cloud, RoleName: string): Promise<unknown> {
  const answer = await orNothing(cloud.iam.send(new GetRolePolicyCommand({ RoleName, PolicyName: INLINE })));
  return decoded(answer?.PolicyDocument);
}

async function attachedTo({ iam }: Cloud, RoleName: string): Promise<string[]> {
  const pages = paginateListAttachedRolePolicies({ client: iam }, { RoleName });
  const all = await orNothing(listed(pages, ({ AttachedPolicies }) => AttachedPolicies));
  return (all ?? []).map(({ PolicyArn }) => PolicyArn!);
}

async function inlineOf({ iam }: Cloud, RoleName: string): Promise<string[]> {
  const pages = paginateListRolePolicies({ client: iam }, { RoleName });
  return (await orNothing(listed(pages, ({ PolicyNames }) => PolicyNames))) ?? [];
}

async function profilesWith({ iam }: Cloud, RoleName: string): Promise<string[]> {
  const pages = paginateListInstanceProfilesForRole({ client: iam }, { RoleName });
  const all = await orNothing(listed(pages, ({ InstanceProfiles }) => InstanceProfiles));
  return (all ?? []).map(({ InstanceProfileName }) => InstanceProfileName!);
}
