import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  DeleteInstanceProfileCommand,
  GetInstanceProfileCommand,
  paginateListInstanceProfiles,
  RemoveRoleFromInstanceProfileCommand,
  TagInstanceProfileCommand,
} from "@aws-sdk/client-iam";
import type { Cloud } from "../aws/clients.ts";
import { driftOf } from "../aws/drift.ts";
import { isDenied, orNothing, unless } from "../aws/errors.ts";
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

  async find(context) {
    if (context.node !== undefined) {
      const found = await profileNamed(context, iamName(context));
      return found ? [found] : [];
    }
    const known = PROFILE_NODES.map((node) => iamName({ ...context, node }));
    const others = await namesOf(context).catch((error: unknown) => {
      if (!context.unlisted || !isDenied(error)) throw error;
      context.unlisted(error);
      return [];
    });
    const names = [...new Set([...known, ...others])];
    const found = await Promise.all(names.map((name) => profileNamed(context, name)));
    return found.flatMap((one) => (one?.owned ? [one] : []));
  },

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

  async update({ cloud, inputs }, { ref: InstanceProfileName }) {
    // It holds one role at a time.
    const roles = await rolesIn(cloud, InstanceProfileName);
    await remove(
      cloud,
      InstanceProfileName,
      roles.filter((name) => name !== inputs.roleName),
    );
    await cloud.iam
      .send(new AddRoleToInstanceProfileCommand({ InstanceProfileName, RoleName: inputs.roleName }))
      .catch(unless("exists"));
  },

  async destroy({ cloud }, { ref: InstanceProfileName }) {
    await remove(cloud, InstanceProfileName, await rolesIn(cloud, InstanceProfileName));
    await orNothing(cloud.iam.send(new DeleteInstanceProfileCommand({ InstanceProfileName })));
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
    drift: inputs && driftOf({ role: inputs.roleName }, { role: live.Roles?.[0]?.RoleName }),
  };
}

async function profile({ iam }: Cloud, InstanceProfileName: string) {
  const answer = await orNothing(iam.send(new GetInstanceProfileCommand({ InstanceProfileName })));
  return answer?.InstanceProfile;
}

/** A list does not tell tags, so each of these is asked for by itself. */
async function namesOf(context: FindContext<InstanceProfileInputs, Cloud>): Promise<string[]> {
  const names: string[] = [];
  for await (const page of paginateListInstanceProfiles({ client: context.cloud.iam }, {})) {
    for (const { InstanceProfileName } of page.InstanceProfiles ?? []) {
      if (InstanceProfileName!.startsWith(iamName(context))) names.push(InstanceProfileName!);
    }
  }
  return names;
}

async function rolesIn(cloud: Cloud, name: string): Promise<string[]> {
  return ((await profile(cloud, name))?.Roles ?? []).map(({ RoleName }) => RoleName!);
}

async function remove({ iam }: Cloud, InstanceProfileName: string, roleNames: readonly string[]): Promise<void> {
  for (const RoleName of roleNames) {
    await orNothing(iam.send(new RemoveRoleFromInstanceProfileCommand({ InstanceProfileName, RoleName })));
  }
}
