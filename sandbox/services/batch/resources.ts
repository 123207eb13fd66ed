import type { ComputeResource } from "@aws-sdk/client-batch";
import { type Call, Refusal } from "../../service.ts";
import { ecsImages } from "../ec2/base-images.ts";
import { image } from "../ec2/images.ts";
import { type InstanceTypeFacts, instanceType, isOffered, typesOfFamily } from "../ec2/instance-types.ts";
import { securityGroups, subnets } from "../ec2/kinds.ts";
import { launchTemplateVersion } from "../ec2/launch-templates.ts";
import { findInstanceProfile, findRole } from "../iam.ts";
import { checkTagKeys, clientException, executionError } from "./state.ts";

/** From then on new environments on Batch's own Amazon Linux 2 images are refused. */
const AL2_ENDS = Date.UTC(2026, 5, 30);

const FAMILIES: Readonly<Record<string, readonly string[]>> = {
  optimal: ["m6i", "c6i", "r6i", "c7i"],
  default_x86_64: ["m6i", "c6i", "r6i", "c7i"],
  default_arm64: ["m6g", "c6g", "r6g", "c7g"],
};

const IMAGE_VARIANTS: Readonly<Record<string, string>> = {
  ECS_AL2: "amazon-linux-2",
  ECS_AL2_NVIDIA: "amazon-linux-2/gpu",
  ECS_AL2023: "amazon-linux-2023",
  ECS_AL2023_NVIDIA: "amazon-linux-2023/gpu",
};

/** Compute resources with Batch's defaults; refuses what cannot be. */
export function checkedResources(call: Call, asked: ComputeResource): ComputeResource {
  const { type, instanceTypes = [] } = asked;
  if (type !== "EC2" && type !== "SPOT") {
    throw clientException(`computeResources.type ${type} is not available; EC2 and SPOT are.`);
  }
  const allocationStrategy = asked.allocationStrategy ?? "BEST_FIT";
  if (allocationStrategy.startsWith("SPOT_") && type !== "SPOT") {
    throw clientException(`Allocation strategy ${allocationStrategy} requires compute resources of type SPOT.`);
  }
  if (allocationStrategy === "BEST_FIT_PROGRESSIVE_ORDERED" && type !== "EC2") {
    throw clientException("Allocation strategy BEST_FIT_PROGRESSIVE_ORDERED requires compute resources of type EC2.");
  }
  if (type === "SPOT" && allocationStrategy === "BEST_FIT" && !asked.spotIamFleetRole) {
    throw clientException("spotIamFleetRole is required for compute resources of type SPOT with BEST_FIT.");
  }
  checkTagKeys(asked.tags);
  const minvCpus = asked.minvCpus ?? 0;
  checkCounts(minvCpus, asked.maxvCpus, asked.desiredvCpus);
  if (!asked.instanceRole) throw clientException("computeResources.instanceRole is required.");
  const scaleDown = asked.scalingPolicy?.minScaleDownDelayMinutes ?? 0;
  if (scaleDown !== 0 && (scaleDown < 20 || scaleDown > 10_080)) {
    throw clientException("minScaleDownDelayMinutes must be between 20 and 10080, or 0 to unset it.");
  }
  checkTypes(call, instanceTypes);
  checkPlaces(call, asked);
  const { ec2Configuration = [] } = asked;
  if (ec2Configuration.length > 2) throw clientException("ec2Configuration can have 1 or 2 entries.");
  const configuration = ec2Configuration.length > 0 ? ec2Configuration : [{ imageType: "ECS_AL2023" }];
  const checked: ComputeResource = {
    ...asked,
    allocationStrategy,
    minvCpus,
    desiredvCpus: asked.desiredvCpus ?? minvCpus,
    ec2Configuration: configuration,
    tags: asked.tags ?? {},
  };
  checkImages(call, checked);
  return checked;
}

export function checkCounts(min: number, max: number | undefined, desired: number | undefined): void {
  if (max === undefined || max < 1) throw clientException("maxvCpus must be greater than 0.");
  if (min < 0 || min > max) throw clientException(`minvCpus ${min} must be between 0 and maxvCpus ${max}.`);
  if (desired !== undefined && (desired < min || desired > max)) {
    throw clientException(`desiredvCpus ${desired} should be between minvCpus ${min} and maxvCpus ${max}.`);
  }
}

/** The version a template specification stands for now. */
export function templateVersionOf(call: Call, resources: ComputeResource): number | undefined {
  const { launchTemplate } = resources;
  if (!launchTemplate?.launchTemplateId && !launchTemplate?.launchTemplateName) return undefined;
  const { launchTemplateId: id, launchTemplateName: name, version } = launchTemplate;
  return launchTemplateVersion(call, { id, name }, version || "$Default").version.number;
}

/** Instance types an environment may launch, smallest first. */
export function typesOf({ instanceTypes = [] }: ComputeResource): readonly InstanceTypeFacts[] {
  const types = instanceTypes.flatMap((name) => {
    const families = FAMILIES[name] ?? (name.includes(".") ? [] : [name]);
    return name.includes(".") ? (instanceType(name) ?? []) : families.flatMap(typesOfFamily);
  });
  return [...new Set(types)].sort((a, b) => a.vCpus - b.vCpus || a.memoryMiB - b.memoryMiB);
}

/** By the order that Batch documents: the environment's own image first, the template's next, Batch's last. */
export function imageIdOf(call: Call, resources: ComputeResource, templateImageId: string | undefined): string {
  const configuration = resources.ec2Configuration?.[0];
  const own = resources.imageId || configuration?.imageIdOverride || templateImageId;
  if (own) return own;
  const variant = IMAGE_VARIANTS[configuration?.imageType ?? "ECS_AL2023"];
  return ecsImages(call).findLast((each) => each.variant === variant)!.id;
}

/** Why an environment cannot work as things are; undefined when it can. A lost image shows only at the next launch. */
export function troubleWith(call: Call, resources: ComputeResource, serviceRole: string): string | undefined {
  if (findRole(call, serviceRole) === undefined) {
    return (
      `CLIENT_ERROR - User: arn:${call.partition}:sts::${call.account}:assumed-role/AWSBatch/aws-batch is not ` +
      `authorized to perform: sts:AssumeRole on resource: ${serviceRole} (Service: Sts, Status Code: 403, ` +
      `Request ID: ${call.uuid()})`
    );
  }
  const profile = findInstanceProfile(call, resources.instanceRole ?? "");
  if (profile?.roleName === undefined) {
    return (
      `CLIENT_ERROR - Invalid IamInstanceProfile: ${resources.instanceRole} (Service: AutoScaling, Status Code: 400, ` +
      `Request ID: ${call.uuid()})`
    );
  }
  if (resources.ec2KeyPair) {
    return `CLIENT_ERROR - The key pair '${resources.ec2KeyPair}' does not exist (Service: AutoScaling, Status Code: 400)`;
  }
  try {
    checkPlaces(call, resources);
    return zoneTrouble(call, resources);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const words = error.message.replace(/^Error executing request, Exception : (.*), RequestId: .*$/s, "$1");
    return `CLIENT_ERROR - ${words}`;
  }
}

/** Batch puts parts of its own beside those of the template, which takes MIME. */
export function userDataTrouble(
  call: Call,
  resources: ComputeResource,
  version: number | undefined,
): string | undefined {
  const { launchTemplateId: id, launchTemplateName: name } = resources.launchTemplate ?? {};
  if ((!id && !name) || version === undefined) return undefined;
  const { UserData } = launchTemplateVersion(call, { id, name }, String(version)).version.data;
  if (!UserData) return undefined;
  const [head = ""] = Buffer.from(UserData, "base64")
    .toString("utf8")
    .split(/\r?\n\r?\n/);
  const fields = head.replace(/\r?\n[ \t]+/g, " ").split(/\r?\n/);
  const isMultipart = fields.some((field) => /^content-type:\s*multipart\/.*boundary=/i.test(field));
  return isMultipart ? undefined : "CLIENT_ERROR - Launch Template UserData is not MIME multipart format";
}

function zoneTrouble(call: Call, resources: ComputeResource): string | undefined {
  const zones = (resources.subnets ?? []).flatMap((id) => subnets.find(call, id)?.zone ?? []);
  const types = typesOf(resources);
  if (zones.some((zone) => types.some(({ id }) => isOffered(id, zone)))) return undefined;
  return (
    `CLIENT_ERROR - Your requested instance type (${types[0]?.id}) is not supported in your requested Availability ` +
    `Zone (${zones[0]}). (Service: AutoScaling, Status Code: 400, Request ID: ${call.uuid()})`
  );
}

/** When a young profile is taken; now for an older one. */
export function profileReadyAt(call: Call, { instanceRole }: ComputeResource): number {
  return findInstanceProfile(call, instanceRole ?? "")?.usableFrom ?? call.now;
}

function checkTypes(call: Call, names: readonly string[]): void {
  if (names.length === 0) throw clientException("computeResources.instanceTypes is required.");
  const architectures = new Set(
    names.flatMap((name) => {
      const types = typesOf({ instanceTypes: [name] } as ComputeResource);
      if (types.length === 0) throw executionError(call, `Instance type ${name} is not valid or not supported`);
      return types[0]!.architecture;
    }),
  );
  if (architectures.size > 1) {
    throw clientException("Instance types of different architectures cannot be mixed in a compute environment.");
  }
}

/** Refuses subnets, groups and templates that are not there. */
function checkPlaces(call: Call, resources: ComputeResource): void {
  const { subnets: subnetIds = [], securityGroupIds = [] } = resources;
  if (subnetIds.length === 0) throw clientException("computeResources.subnets is required.");
  const found = subnetIds.map((id) => {
    const place = subnets.find(call, id);
    if (place === undefined) throw executionError(call, `The subnet ID '${id}' does not exist`);
    return place;
  });
  if (new Set(found.map(({ vpcId }) => vpcId)).size > 1) {
    throw clientException("All subnets of a compute environment must belong to the same VPC.");
  }
  const lost = securityGroupIds.find((id) => securityGroups.find(call, id)?.vpcId !== found[0]!.vpcId);
  if (lost !== undefined) throw executionError(call, `The security group '${lost}' does not exist`);
  const data = templateData(call, resources);
  const templateGroups = data?.SecurityGroupIds ?? data?.NetworkInterfaces?.[0]?.Groups ?? [];
  if (securityGroupIds.length + templateGroups.length === 0) {
    throw clientException("At least one security group is required, in securityGroupIds or in the launch template.");
  }
}

function templateData(call: Call, resources: ComputeResource) {
  const { launchTemplate } = resources;
  const { launchTemplateId: id, launchTemplateName: name, version } = launchTemplate ?? {};
  if (!id && !name) return undefined;
  try {
    return launchTemplateVersion(call, { id, name }, version || "$Default").version.data;
  } catch (error) {
    if (error instanceof Refusal) throw executionError(call, error.message);
    throw error;
  }
}

function checkImages(call: Call, { imageId, ec2Configuration = [], launchTemplate }: ComputeResource): void {
  for (const { imageType = "", imageIdOverride } of ec2Configuration) {
    if (!(imageType in IMAGE_VARIANTS)) throw clientException(`imageType ${imageType} is not valid.`);
    const own = imageIdOverride || imageId || launchTemplate?.launchTemplateId || launchTemplate?.launchTemplateName;
    if (imageType.startsWith("ECS_AL2") && !imageType.startsWith("ECS_AL2023") && !own && call.now >= AL2_ENDS) {
      throw clientException(`Compute environments with Batch-provided ${imageType} images can no longer be created.`);
    }
  }
  for (const id of [imageId, ...ec2Configuration.map(({ imageIdOverride }) => imageIdOverride)]) {
    if (id && image(call, id)?.state !== "available") {
      throw executionError(call, `The image id '[${id}]' does not exist`);
    }
  }
}
