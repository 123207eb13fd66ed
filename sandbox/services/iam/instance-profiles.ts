import type { InstanceProfile, ListInstanceProfilesCommandInput } from "@aws-sdk/client-iam";
import type { Call } from "../../service.ts";
import { toTags } from "../key-value-tags.ts";
import { listed } from "./lists.ts";
import { summary } from "./roles.ts";
import {
  alreadyExists,
  deleteConflict,
  type IamOperations,
  iamArn,
  iamState,
  limitExceeded,
  noSuchEntity,
  ownRole,
  type ProfileState,
  profileToRead,
  profileToWrite,
  roleToRead,
  uniqueId,
  visibleFrom,
} from "./state.ts";
import { withoutTags, withTags } from "./tags.ts";

export const instanceProfileOperations = {
  CreateInstanceProfile(input, call) {
    const name = input.InstanceProfileName!;
    const path = input.Path ?? "/";
    const { profiles } = iamState(call);
    if (name.toLowerCase() in profiles) throw alreadyExists(`Instance Profile ${name} already exists.`);
    const profile: ProfileState = {
      name,
      id: uniqueId(call, "AIPA"),
      arn: iamArn(call, `instance-profile${path}${name}`),
      path,
      createdAt: call.now,
      visibleFrom: visibleFrom(call),
      usableFrom: youngUntil(call),
      tags: withTags({}, input.Tags),
    };
    profiles[name.toLowerCase()] = profile;
    return { InstanceProfile: { ...shown(call, profile), ...tagsOf(profile) } };
  },

  GetInstanceProfile(input, call) {
    const profile = profileToRead(call, input.InstanceProfileName);
    return { InstanceProfile: { ...shown(call, profile), ...tagsOf(profile) } };
  },

  ListInstanceProfiles(input, call) {
    const prefix = input.PathPrefix ?? "/";
    const { items, paging } = profilesWhere(call, input, ({ path }) => path.startsWith(prefix));
    return { InstanceProfiles: items, ...paging };
  },

  ListInstanceProfilesForRole(input, call) {
    const { name } = roleToRead(call, input.RoleName);
    const { items, paging } = profilesWhere(call, input, ({ role }) => role === name);
    return { InstanceProfiles: items, ...paging };
  },

  DeleteInstanceProfile(input, call) {
    const profile = profileToWrite(call, input.InstanceProfileName);
    if (profile.role !== undefined) {
      throw deleteConflict("Cannot delete entity, must remove roles from instance profile first.");
    }
    delete iamState(call).profiles[profile.name.toLowerCase()];
    return {};
  },

  AddRoleToInstanceProfile(input, call) {
    const profile = profileToWrite(call, input.InstanceProfileName);
    const role = ownRole(call, input.RoleName);
    if (profile.role !== undefined) {
      throw limitExceeded("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1");
    }
    profile.role = role.name;
    profile.usableFrom = youngUntil(call);
    return {};
  },

  RemoveRoleFromInstanceProfile(input, call) {
    const profile = profileToWrite(call, input.InstanceProfileName);
    const role = ownRole(call, input.RoleName);
    if (profile.role !== role.name) throw noSuchEntity(`The role with name ${role.name} cannot be found.`);
    profile.role = undefined;
    return {};
  },

  TagInstanceProfile(input, call) {
    const profile = profileToWrite(call, input.InstanceProfileName);
    profile.tags = withTags(profile.tags, input.Tags);
    return {};
  },

  UntagInstanceProfile(input, call) {
    const profile = profileToWrite(call, input.InstanceProfileName);
    profile.tags = withoutTags(profile.tags, input.TagKeys);
    return {};
  },

  ListInstanceProfileTags(input, call) {
    const { tags } = profileToRead(call, input.InstanceProfileName);
    const { items, paging } = listed(
      call,
      input,
      toTags(tags),
      ({ Key }) => Key,
      (tag) => tag,
    );
    return { Tags: items, ...paging };
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
  const profile = Object.values(iamState(call).profiles).find(
    ({ name, arn }) => arn === nameOrArn || name.toLowerCase() === nameOrArn.toLowerCase(),
  );
  return profile && { name: profile.name, arn: profile.arn, roleName: profile.role, usableFrom: profile.usableFrom };
}

function youngUntil(call: Call): number {
  const slow = call.random() < 0.2;
  return call.now + (slow ? call.between(15_000, 30_000) : call.between(7_000, 13_000));
}

function profilesWhere(
  call: Call,
  input: ListInstanceProfilesCommandInput,
  fits: (profile: ProfileState) => boolean,
): { items: InstanceProfile[]; paging: { IsTruncated: boolean; Marker?: string } } {
  const profiles = Object.values(iamState(call).profiles).filter(
    (profile) => profile.visibleFrom <= call.now && fits(profile),
  );
  return listed(
    call,
    input,
    profiles,
    ({ name }) => name,
    (profile) => shown(call, profile),
  );
}

function shown(call: Call, profile: ProfileState): InstanceProfile {
  const role = profile.role === undefined ? undefined : iamState(call).roles[profile.role.toLowerCase()];
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
