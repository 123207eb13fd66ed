import type { RunInstancesCommandInput, TagSpecification } from "@aws-sdk/client-ec2";
import { zonesOf } from "../../partition.ts";
import { type Call, type Fate, Refusal } from "../../service.ts";
import { findInstanceProfile } from "../iam.ts";
import { type AnyImage, launchableImage } from "./images.ts";
import { type InstanceTypeFacts, instanceType, isOffered } from "./instance-types.ts";
import { attachInterfaces } from "./interfaces.ts";
import { securityGroups, subnets } from "./kinds.ts";
import { launchTemplateVersion } from "./launch-templates.ts";
import { soon } from "./listing.ts";
import { defaultSubnet } from "./network.ts";
import { ec2Slice, type Instance, type SecurityGroup, type Subnet } from "./slice.ts";
import { setTags, specifiedTags } from "./tags.ts";
import { checkUserData } from "./user-data.ts";
import { attachVolumes, wantedVolumes } from "./volumes.ts";

const PENDING_MS = [10_000, 40_000] as const;

export type LaunchRequest = Partial<RunInstancesCommandInput>;

/**
 * Starts `MaxCount` instances (default 1), with what the launch template says under what the request says; refuses
 * what AWS refuses. Its fate is asked for last: capacity, fail, never or slow.
 */
export function runInstances(call: Call, request: LaunchRequest, fateOf?: () => Fate | undefined): readonly Instance[] {
  const asked = withTemplate(call, request);
  const image = launchableImage(call, required(asked.ImageId, "imageId"));
  const type = typeFor(image, asked.InstanceType ?? "m1.small");
  const nic = asked.NetworkInterfaces?.find(({ DeviceIndex = 0 }) => DeviceIndex === 0);
  const place = subnetFor(call, type, nic?.SubnetId ?? asked.SubnetId, asked.Placement?.AvailabilityZone);
  const groups = groupsFor(call, place, nic?.Groups ?? asked.SecurityGroupIds, asked.SecurityGroups);
  const profileArn = usableProfile(call, asked.IamInstanceProfile);
  if (asked.UserData !== undefined) checkUserData(asked.UserData);
  if (asked.KeyName !== undefined) {
    throw new Refusal("InvalidKeyPair.NotFound", `The key pair '${asked.KeyName}' does not exist`);
  }
  const volumes = wantedVolumes(image, asked.BlockDeviceMappings);
  const tagsFor = specifiedTags(asked.TagSpecifications, [
    "instance",
    "volume",
    "network-interface",
    "spot-instances-request",
  ]);
  if (asked.InstanceMarketOptions?.MarketType !== "spot") checkQuota(call, type, request.MaxCount ?? 1);
  const fate = fateOf?.();
  if (fate?.kind === "capacity") throw noCapacity(call, type, place, fate.reason);

  const { instances } = ec2Slice(call);
  const reservationId = call.id("r-");
  const isSpot = asked.InstanceMarketOptions?.MarketType === "spot";
  return Array.from({ length: request.MaxCount ?? 1 }, (_, launchIndex) => {
    const id = call.id("i-");
    const publicIp = nic?.AssociatePublicIpAddress ?? place.mapsPublicIp;
    const groupIds = groups.map((group) => group.id);
    const [made] = attachInterfaces(call, {
      subnetId: place.id,
      groupIds,
      description: nic?.Description ?? "",
      instanceId: id,
      publicIp,
    });
    setTags(call, made!.id, tagsFor("network-interface"));
    const instance: Instance = {
      id,
      reservationId,
      token: request.ClientToken,
      imageId: image.id,
      type: type.id,
      architecture: image.architecture,
      zone: place.zone,
      subnetId: place.id,
      vpcId: place.vpcId,
      groupIds,
      interfaceId: made!.id,
      privateIp: made!.privateIp,
      publicIp: made!.publicIp,
      profileArn,
      userData: asked.UserData,
      shutdownBehavior: asked.InstanceInitiatedShutdownBehavior === "terminate" ? "terminate" : "stop",
      protectedFromTermination: asked.DisableApiTermination ?? false,
      spotRequestId: isSpot ? call.id("sir-", 8) : undefined,
      rootDevice: image.rootDevice,
      devices: attachVolumes(call, id, place.zone, volumes, tagsFor("volume")),
      metadata: metadataFor(image, asked.MetadataOptions),
      launchIndex,
      visibleFrom: soon(call, 3_000),
      launchedAt: call.now,
      state: "pending",
      nextAt: fate?.kind === "never" ? undefined : call.now + (fate?.ms ?? call.between(...PENDING_MS)),
      doom: fate?.kind === "fail" ? (fate.reason ?? "Server.InternalError: Internal error on launch") : undefined,
    };
    instances[id] = instance;
    setTags(call, id, tagsFor("instance"));
    return instance;
  });
}

/** The template's members, the request's own over them; tags of both. */
function withTemplate(call: Call, request: LaunchRequest): LaunchRequest {
  const { LaunchTemplate: template } = request;
  if (template === undefined) return request;
  const { LaunchTemplateId: id, LaunchTemplateName: name, Version } = template;
  const { TagSpecifications: templateTags, ...data } = launchTemplateVersion(call, { id, name }, Version).version.data;
  const asked = Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined));
  const tags = mergedTags(templateTags ?? [], request.TagSpecifications ?? []);
  return { ...(data as LaunchRequest), ...asked, TagSpecifications: tags };
}

function mergedTags(under: readonly TagSpecification[], over: readonly TagSpecification[]): TagSpecification[] {
  const types = new Set([...under, ...over].flatMap(({ ResourceType }) => ResourceType ?? []));
  return [...types].map((type) => {
    const tagsIn = (list: readonly TagSpecification[]) =>
      list.filter(({ ResourceType }) => ResourceType === type).flatMap(({ Tags = [] }) => Tags);
    const byKey = new Map([...tagsIn(under), ...tagsIn(over)].map((tag) => [tag.Key, tag]));
    return { ResourceType: type, Tags: [...byKey.values()] };
  });
}

function required(value: string | undefined, name: string): string {
  if (value !== undefined) return value;
  throw new Refusal("MissingParameter", `The request must contain the parameter ${name}`);
}

function typeFor({ architecture }: AnyImage, name: string): InstanceTypeFacts {
  const type = instanceType(name);
  if (type === undefined) throw new Refusal("InvalidParameterValue", `Invalid value '${name}' for InstanceType.`);
  if (type.architecture !== architecture) {
    const words =
      `The architecture '${type.architecture}' of the specified instance type does not match the architecture ` +
      `'${architecture}' of the specified AMI. Specify an instance type and an AMI that have matching ` +
      "architectures, and try again.";
    throw new Refusal("InvalidParameterValue", words);
  }
  return type;
}

function subnetFor(
  call: Call,
  { id: type }: InstanceTypeFacts,
  subnetId: string | undefined,
  zone: string | undefined,
): Subnet {
  const place =
    subnetId === undefined
      ? defaultSubnet(call, (each) => (zone === undefined ? isOffered(type, each) : each === zone))
      : subnets.find(call, subnetId);
  if (place === undefined && subnetId !== undefined) {
    throw new Refusal("InvalidSubnetID.NotFound", `The subnet ID '${subnetId}' does not exist`);
  }
  if (place === undefined) throw new Refusal("InvalidParameterValue", `Invalid availability zone: [${zone}]`);
  if (isOffered(type, place.zone)) return place;
  const others = zonesOf(call.region).filter((each) => isOffered(type, each));
  const words =
    `Your requested instance type (${type}) is not supported in your requested Availability Zone (${place.zone}). ` +
    `Please retry your request by not specifying an Availability Zone or choosing ${others.join(", ")}.`;
  throw new Refusal("Unsupported", words);
}

function groupsFor(
  call: Call,
  { id: subnetId, vpcId }: Subnet,
  ids: readonly string[] | undefined,
  names: readonly string[] | undefined,
): SecurityGroup[] {
  const { groups } = ec2Slice(call);
  const byName = (name: string) => Object.values(groups).find((group) => group.vpcId === vpcId && group.name === name);
  const wanted = ids?.length ? ids : names?.length ? names : undefined;
  if (wanted === undefined) return [byName("default")!];
  return wanted.map((idOrName) => {
    const group = ids?.length ? groups[idOrName] : byName(idOrName);
    if (group === undefined) throw securityGroups.missing([idOrName]);
    if (group.vpcId !== vpcId) {
      const words = `Security group ${group.id} and subnet ${subnetId} belong to different networks.`;
      throw new Refusal("InvalidParameter", words);
    }
    return group;
  });
}

/** How long before a young profile is usable EC2 sees it already, and not yet the role in it. */
const ROLE_LATER_MS = 5_000;

/** EC2 sees a new instance profile, and a role just put into it, some seconds late. */
function usableProfile(
  call: Call,
  specification: { readonly Arn?: string | undefined; readonly Name?: string | undefined } | undefined,
): string | undefined {
  const { Arn, Name } = specification ?? {};
  const nameOrArn = Arn ?? Name;
  if (nameOrArn === undefined) return undefined;
  const profile = findInstanceProfile(call, nameOrArn);
  if (profile === undefined || (profile.roleName !== undefined && profile.usableFrom > call.now + ROLE_LATER_MS)) {
    const [member, kind] = Arn === undefined ? ["name", "name"] : ["arn", "ARN"];
    const words =
      `Value (${nameOrArn}) for parameter iamInstanceProfile.${member} is invalid. ` +
      `Invalid IAM Instance Profile ${kind}`;
    throw new Refusal("InvalidParameterValue", words);
  }
  if (profile.roleName === undefined || profile.usableFrom > call.now) {
    throw new Refusal("InvalidParameterValue", `IAM Instance Profile "${profile.arn}" has no associated IAM Roles`);
  }
  return profile.arn;
}

function metadataFor({ imdsV2 }: AnyImage, options: LaunchRequest["MetadataOptions"]): Instance["metadata"] {
  return {
    tokens: options?.HttpTokens ?? (imdsV2 ? "required" : "optional"),
    hopLimit: options?.HttpPutResponseHopLimit ?? (imdsV2 && options === undefined ? 2 : 1),
    endpoint: options?.HttpEndpoint ?? "enabled",
  };
}

/** Counted in vCPUs, and for on-demand instances only: Spot has a quota of its own, which is not kept here. */
function checkQuota(call: Call, { vCpus }: InstanceTypeFacts, count: number): void {
  const { instances, vCpuQuota } = ec2Slice(call);
  const running = Object.values(instances).filter(
    ({ state, spotRequestId }) => (state === "pending" || state === "running") && spotRequestId === undefined,
  );
  const used = running.reduce((sum, { type }) => sum + (instanceType(type)?.vCpus ?? 0), 0);
  if (used + vCpus * count <= vCpuQuota) return;
  const words =
    `You have requested more vCPU capacity than your current vCPU limit of ${vCpuQuota} allows for the instance ` +
    "bucket that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request " +
    "to request an adjustment to this limit.";
  throw new Refusal("VcpuLimitExceeded", words);
}

function noCapacity(
  call: Call,
  { id: type }: InstanceTypeFacts,
  { zone }: Subnet,
  reason: string | undefined,
): Refusal {
  const others = zonesOf(call.region).filter((each) => each !== zone && isOffered(type, each));
  const words =
    `We currently do not have sufficient ${type} capacity in the Availability Zone you requested (${zone}). Our ` +
    "system will be working on provisioning additional capacity. You can currently get " +
    `${type} capacity by not specifying an Availability Zone in your request or choosing ${others.join(", ")}.`;
  return new Refusal("InsufficientInstanceCapacity", reason ?? words, 500);
}
