import type { InstanceProfile, ListInstanceProfilesCommandInput } from "@aws-sdk/client-iam";
import type { Call } from "../../service.ts";
import { toTags, withoutTags } from "../key-value-tags.ts";
import { listed } from "./lists.ts";
import { summary } from "./roles.ts";
import {
  alreadyExists,
  deleteConflict,
  type IamOperations,
  iamArn,
  limitExceeded,
  noSuchEntity,
  ownRole,
  type ProfileState,
  profiles,
  roles,
  uniqueId,
  visibleFrom,
} from "./state.ts";
import { withTags } from "./tags.ts";

export const instanceProfileOperations = {
  CreateInstanceProfile(input, call) {
    const name = input.InstanceProfileName!;
    const path = input.Path ?? "/";
    if (profiles.find(call, name) !== undefined) throw alreadyExists(`Instance Profile ${name} already exists.`);
    const profile = profiles.add(call, name, {
      name,
      id: uniqueId(call, "AIPA"),
      arn: iamArn(call, `instance-profile${path}${name}`),
      path,
      createdAt: call.now,
      visibleFrom: visibleFrom(call),
      usableFrom: youngUntil(call),
      tags: withTags({}, input.Tags),
    });
    return { InstanceProfile: { ...shown(call, profile), ...tagsOf(profile) } };
  },

  GetInstanceProfile(input, call) {
    const profile = profiles.read(call, input.InstanceProfileName);
    return { InstanceProfile: { ...shown(call, profile), ...tagsOf(profile) } };
  },

  ListInstanceProfiles(input, call) {
    const prefix = input.PathPrefix ?? "/";
    const { items, next } = profilesWhere(call, input, ({ path }) => path.startsWith(prefix));
    return { InstanceProfiles: items.map((profile) => shown(call, profile)), ...next };
  },

  ListInstanceProfilesForRole(input, call) {
    const { name } = roles.read(call, input.RoleName);
    const { items, next } = profilesWhere(call, input, ({ role }) => role === name);
    return { InstanceProfiles: items.map((profile) => shown(call, profile)), ...next };
  },

  DeleteInstanceProfile(input, call) {
    const profile = profiles.get(call, input.InstanceProfileName);
    if (profile.role !== undefined) {
      throw deleteConflict("Cannot delete entity, must remove roles from instance profile first.");
    }
    profiles.remove(call, profile.name);
    return {};
  },

  AddRoleToInstanceProfile(input, call) {
    const profile = profiles.get(call, input.InstanceProfileName);
    const role = ownRole(call, input.RoleName);
    if (profile.role !== undefined) {
      throw limitExceeded("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1");
    }
    profile.role = role.name;
    profile.usableFrom = youngUntil(call);
    return {};
  },

  RemoveRoleFromInstanceProfile(input, call) {
    const profile = profiles.get(call, input.InstanceProfileName);
    const role = ownRole(call, input.RoleName);
    if (profile.role !== role.name) throw noSuchEntity(`The role with name ${role.name} cannot be found.`);
    profile.role = undefined;
    return {};
  },

  TagInstanceProfile(input, call) {
    const profile = profiles.get(call, input.InstanceProfileName);
    profile.tags = withTags(profile.tags, input.Tags);
    return {};
  },

  UntagInstanceProfile(input, call) {
    const profile = profiles.get(call, input.InstanceProfileName);
    profile.tags = withoutTags(profile.tags, input.TagKeys);
    return {};
  },

  ListInstanceProfileTags(input, call) {
    const { tags } = profiles.read(call, input.InstanceProfileName);
    const { items, next } = listed(call, input, toTags(tags), ({ Key }) => Key);
    return { Tags: items, ...next };
  },
} satisfies IamOperations;

/** An instance profile as the services that hand it to instances see it. */
export interface FoundProfile {
  readonly name: string;
  readonly arn: string;
  readonly roleName: string | undefined;
  /** When EC2 takes it: about 10 seconds after it got its role, up to 30. */
  readonly usableFrom: number;
}

export function findInstanceProfile(call: Call, nameOrArn: string): FoundProfile | undefined {
  const profile = profiles
    .all(call)
    .find(({ name, arn }) => arn === nameOrArn || name.toLowerCase() === nameOrArn.toLowerCase());
  return profile && { name: profile.name, arn: profile.arn, roleName: profile.role, usableFrom: profile.usableFrom };
}

function youngUntil(call: Call): number {
  const slow = call.random() < 0.2;
  return call.now + (slow ? call.between(15_000, 30_000) : call.between(7_000, 13_000));
}

function profilesWhere(call: Call, input: ListInstanceProfilesCommandInput, fits: (profile: ProfileState) => boolean) {
  return listed(call, input, profiles.visible(call).filter(fits), ({ name }) => name);
}

/** As in a list: without tags. */
export function profilesOf(call: Call, roleName: string): InstanceProfile[] {
  return profiles
    .visible(call)
    .filter(({ role }) => role === roleName)
    .map((profile) => shown(call, profile));
}

function shown(call: Call, profile: ProfileState): InstanceProfile {
  const role = roles.find(call, profile.role);
  return {
    Path: profile.path,
    InstanceProfileName: profile.name,
    InstanceProfileId: profile.id,
    Arn: profile.arn,
    CreateDate: new Date(profile.createdAt),
    Roles: role === undefined ? [] : [summary(role)],
  };
}

function tagsOf({ tags }: ProfileState): Pick<InstanceProfile, "Tags"> {
  return Object.keys(tags).length === 0 ? {} : { Tags: toTags(tags) };
}
