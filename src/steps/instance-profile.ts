import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  DeleteInstanceProfileCommand,
  GetInstanceProfileCommand,
  type InstanceProfile,
  paginateListInstanceProfiles,
  RemoveRoleFromInstanceProfileCommand,
  TagInstanceProfileCommand,
} from "@aws-sdk/client-iam";
import type { Cloud } from "../aws/clients.ts";
import { orNothing, unless } from "../aws/errors.ts";
import { driftOf, type Fields, repair } from "../aws/fields.ts";
import { findByIamName } from "../aws/iam-names.ts";
import { fingerprintTags, fromTags, iamName, tagList, tagRecord, tagsOf } from "../aws/tags.ts";
import type { FindContext, Found, Step } from "../engine/step.ts";

export interface InstanceProfileInputs {
  readonly roleName: string;
  /** Begins and ends with a slash. */
  readonly path: string;
}

export interface InstanceProfileOutput {
  readonly arn: string;
  readonly profileName: string;
}

/** Every node that was ever of this kind: its profiles are asked for by name, because few may list those of the account. */
export const PROFILE_NODES: readonly string[] = ["node-profile", "builder-profile", "image-builder-profile"];

/** Hands one role to instances; EC2 believes in a new one only after some ten seconds. */
export const instanceProfile: Step<InstanceProfileInputs, InstanceProfileOutput, unknown, Cloud> = {
  kind: "instance-profile",
  naming: "fixed",
  pace: { expectMs: 0, everyMs: 2_000, timeoutMs: 5 * 60_000 },

  fixed: ({ path }) => ({ path }),

  find: (context) =>
    findByIamName(
      context,
      PROFILE_NODES,
      {
        pages: paginateListInstanceProfiles({ client: context.cloud.iam }, {}),
        names: ({ InstanceProfiles }) => InstanceProfiles?.map(({ InstanceProfileName }) => InstanceProfileName),
      },
      profileNamed,
    ),

  async create(context) {
    const { InstanceProfile: made } = await context.cloud.iam.send(
      new CreateInstanceProfileCommand({
        InstanceProfileName: iamName(context),
        Path: context.inputs.path,
        Tags: tagList(tagsOf(context)),
      }),
    );
    return made!.InstanceProfileName!;
  },

  async stamp(context, { ref: InstanceProfileName }) {
    const Tags = tagList(fingerprintTags(context));
    await context.cloud.iam.send(new TagInstanceProfileCommand({ InstanceProfileName, Tags }));
  },

  update: (context, found) => repair(FIELDS, context, found),

  async destroy({ cloud }, { ref: InstanceProfileName }) {
    await remove(cloud, InstanceProfileName, await rolesIn(cloud, InstanceProfileName));
    await orNothing(cloud.iam.send(new DeleteInstanceProfileCommand({ InstanceProfileName })));
  },
};

const FIELDS: Fields<InstanceProfileInputs, InstanceProfile> = {
  role: {
    want: ({ roleName }) => roleName,
    have: ({ Roles }) => Roles?.[0]?.RoleName,
    async repair({ cloud, inputs: { roleName: RoleName } }, { ref: InstanceProfileName }) {
      // It holds one role at a time.
      const others = (await rolesIn(cloud, InstanceProfileName)).filter((name) => name !== RoleName);
      await remove(cloud, InstanceProfileName, others);
      await cloud.iam
        .send(new AddRoleToInstanceProfileCommand({ InstanceProfileName, RoleName }))
        .catch(unless("exists"));
    },
  },
};

async function profileNamed(
  context: FindContext<InstanceProfileInputs, Cloud>,
  name: string,
): Promise<Found<InstanceProfileOutput> | undefined> {
  const live = await profile(context.cloud, name);
  if (!live) return undefined;
  const { inputs } = context;
  return {
    ref: live.InstanceProfileName!,
    ...fromTags(context, tagRecord(live.Tags)),
    state: "ready",
    createdAt: live.CreateDate,
    output: { arn: live.Arn!, profileName: live.InstanceProfileName! },
    drift: inputs && driftOf(FIELDS, inputs, live),
  };
}

async function profile({ iam }: Cloud, InstanceProfileName: string) {
  const answer = await orNothing(iam.send(new GetInstanceProfileCommand({ InstanceProfileName })));
  return answer?.InstanceProfile;
}

async function rolesIn(cloud: Cloud, name: string): Promise<string[]> {
  return ((await profile(cloud, name))?.Roles ?? []).map(({ RoleName }) => RoleName!);
}

async function remove({ iam }: Cloud, InstanceProfileName: string, roleNames: readonly string[]): Promise<void> {
  for (const RoleName of roleNames) {
    await orNothing(iam.send(new RemoveRoleFromInstanceProfileCommand({ InstanceProfileName, RoleName })));
  }
}
