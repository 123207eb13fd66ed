import { createHash } from "node:crypto";
import type { ComputeResource } from "@aws-sdk/client-batch";
import type { RequestLaunchTemplateData } from "@aws-sdk/client-ec2";
import { MINUTE_MS, NEVER } from "../../lifecycle.ts";
import { type Call, Refusal } from "../../service.ts";
import { terminate } from "../ec2/instance-life.ts";
import { type InstanceTypeFacts, isOffered } from "../ec2/instance-types.ts";
import { subnets } from "../ec2/kinds.ts";
import { type LaunchRequest, runInstances } from "../ec2/launch.ts";
import { launchTemplateVersion } from "../ec2/launch-templates.ts";
import { reaches } from "../ec2/reach.ts";
import { ec2Slice } from "../ec2/slice.ts";
import { findInstanceProfile, roleAllows } from "../iam.ts";
import { bootTrouble, tellTrouble } from "./boot.ts";
import { imageIdOf } from "./resources.ts";
import type { EnvironmentState, Node } from "./state.ts";

/** From the launch until the ECS agent has joined the cluster. */
const JOINS_MS = [2.5 * MINUTE_MS, 4.5 * MINUTE_MS] as const;

/** What the ECS agent registers of a type's memory: the kernel's share and its own reserve are gone. */
export function registeredMemoryMiB({ memoryMiB }: InstanceTypeFacts): number {
  return Math.floor(memoryMiB * 0.975) - 32;
}

/** Starts an instance for an environment; refuses in EC2's words. */
export function launchNode(call: Call, environment: EnvironmentState, type: InstanceTypeFacts): Node {
  const [instance] = runInstances(call, launchRequest(call, environment, type));
  const role = findInstanceProfile(call, environment.resources?.instanceRole ?? "")?.roleName;
  const trouble = bootTrouble(call, instance!);
  const joins =
    trouble === undefined &&
    roleAllows(call, role, "ecs:RegisterContainerInstance", "*") &&
    reaches(call, instance!, ["ecs", "ecs-agent", "ecs-telemetry"]);
  const node: Node = {
    instanceId: instance!.id,
    type: type.id,
    vCpus: type.vCpus,
    memoryMiB: registeredMemoryMiB(type),
    launchedAt: call.now,
    readyAt: joins ? call.now + call.between(...JOINS_MS) : NEVER,
    ...(trouble && { trouble }),
    images: [],
  };
  environment.nodes.push(node);
  return node;
}

/** What nodes that gave their disks up have to say by now. */
export function tellTroubles(call: Call, { nodes, resources }: EnvironmentState): void {
  const { instances } = ec2Slice(call);
  const role = findInstanceProfile(call, resources?.instanceRole ?? "")?.roleName;
  for (const node of nodes) {
    if (node.trouble === undefined || node.trouble.at > call.now) continue;
    tellTrouble(call, instances[node.instanceId]!, role, node.trouble);
    node.trouble = undefined;
  }
}

/** Ends an environment's nodes, all or some. */
export function endNodes(call: Call, environment: EnvironmentState, ending: readonly Node[]): void {
  const { instances } = ec2Slice(call);
  // By id: EC2 hides an instance from its first seconds, not from Batch.
  const there = ending.map(({ instanceId }) => instanceId).filter((id) => isAlive(instances[id]?.state));
  for (const id of there) terminate({ ...call, now: Math.max(call.now, instances[id]!.visibleFrom) }, [id]);
  environment.nodes = environment.nodes.filter((node) => !ending.includes(node));
}

/** Nodes whose instance somebody else ended, or that ended itself. */
export function lostNodes(call: Call, { nodes }: EnvironmentState): readonly Node[] {
  const { instances } = ec2Slice(call);
  return nodes.filter(({ instanceId }) => !isAlive(instances[instanceId]?.state));
}

/** The container instance that an EC2 instance is to ECS. */
export function containerInstanceArn(call: Call, { clusterArn }: EnvironmentState, instanceId: string): string {
  const id = createHash("sha256").update(instanceId).digest("hex").slice(0, 32);
  return `arn:${call.partition}:ecs:${call.region}:${call.account}:container-instance/${clusterName(clusterArn)}/${id}`;
}

export function newTaskArn(call: Call, { clusterArn }: EnvironmentState): string {
  return `arn:${call.partition}:ecs:${call.region}:${call.account}:task/${clusterName(clusterArn)}/${call.id("", 32)}`;
}

function clusterName(clusterArn: string): string {
  return clusterArn.slice(clusterArn.indexOf("/") + 1);
}

function isAlive(state: string | undefined): boolean {
  return state === "pending" || state === "running";
}

/** The template under the environment's settings; Batch ignores its type, profile, subnets and market. */
function launchRequest(call: Call, environment: EnvironmentState, type: InstanceTypeFacts): LaunchRequest {
  const resources = environment.resources!;
  const template = templateData(call, environment, resources);
  const [nic, ...nics] = template?.NetworkInterfaces ?? [];
  const groups = resources.securityGroupIds?.length ? resources.securityGroupIds : undefined;
  const subnetId = subnetFor(call, resources, type);
  const { InstanceMarketOptions: _, DisableApiTermination: __, Placement: ___, ...kept } = template ?? {};
  const { instanceRole = "" } = resources;
  const request: LaunchRequest = {
    ...(kept as LaunchRequest),
    ImageId: imageIdOf(call, resources, template?.ImageId),
    InstanceType: type.id as NonNullable<LaunchRequest["InstanceType"]>,
    IamInstanceProfile: instanceRole.startsWith("arn:") ? { Arn: instanceRole } : { Name: instanceRole },
    KeyName: resources.ec2KeyPair ?? template?.KeyName,
    TagSpecifications: tagSpecifications(environment, template),
    ...(resources.type === "SPOT" && { InstanceMarketOptions: { MarketType: "spot" as const } }),
  };
  if (nic === undefined) {
    return { ...request, SubnetId: subnetId, SecurityGroupIds: groups ?? template?.SecurityGroupIds };
  }
  return {
    ...request,
    NetworkInterfaces: [{ ...nic, SubnetId: subnetId, Groups: groups ?? nic.Groups }, ...nics],
  } as LaunchRequest;
}

function templateData(
  call: Call,
  { templateVersion }: EnvironmentState,
  { launchTemplate }: ComputeResource,
): RequestLaunchTemplateData | undefined {
  const { launchTemplateId: id, launchTemplateName: name } = launchTemplate ?? {};
  if (!id && !name) return undefined;
  return launchTemplateVersion(call, { id, name }, String(templateVersion)).version.data;
}

/** Any of the environment's subnets whose zone has the type. */
function subnetFor(call: Call, { subnets: ids = [] }: ComputeResource, { id: type }: InstanceTypeFacts): string {
  const fit = ids.filter((id) => isOffered(type, subnets.find(call, id)?.zone ?? ""));
  const chosen = call.shuffled(fit)[0] ?? ids[0];
  if (chosen === undefined) throw new Refusal("InvalidSubnetID.NotFound", "There is no subnet to launch into.");
  return chosen;
}

/** The environment's tags over the template's. */
function tagSpecifications(
  { resources }: EnvironmentState,
  template: RequestLaunchTemplateData | undefined,
): LaunchRequest["TagSpecifications"] {
  const own = Object.entries({ ...resources?.tags, AWSBatchServiceTag: "batch" });
  const fromTemplate = template?.TagSpecifications ?? [];
  const others = fromTemplate.filter(({ ResourceType }) => ResourceType !== "instance");
  const under = fromTemplate.filter(({ ResourceType }) => ResourceType === "instance").flatMap(({ Tags = [] }) => Tags);
  const merged = new Map([...under.map(({ Key, Value }) => [Key ?? "", Value ?? ""] as const), ...own]);
  const Tags = [...merged].map(([Key, Value]) => ({ Key, Value }));
  return [...others, { ResourceType: "instance", Tags }];
}
