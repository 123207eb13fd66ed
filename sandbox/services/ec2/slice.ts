import type { RequestLaunchTemplateData } from "@aws-sdk/client-ec2";
import { zonesOf } from "../../partition.ts";
import type { Call } from "../../service.ts";
import type { Operations } from "../operations.ts";

export type Ec2Operations = Operations<typeof import("@aws-sdk/client-ec2")>;

/** EC2's part of the world, for one region. Times are virtual milliseconds since the epoch. */
export interface Ec2Slice {
  readonly vpcs: Record<string, Vpc>;
  readonly subnets: Record<string, Subnet>;
  readonly routeTables: Record<string, RouteTable>;
  readonly internetGateways: Record<string, InternetGateway>;
  readonly natGateways: Record<string, NatGateway>;
  readonly endpoints: Record<string, VpcEndpoint>;
  /** Groups of local zones that are switched on: us-west-2-lax-1. */
  readonly zoneGroups: string[];
  readonly groups: Record<string, SecurityGroup>;
  readonly rules: Record<string, Rule>;
  readonly interfaces: Record<string, Interface>;
  readonly instances: Record<string, Instance>;
  readonly volumes: Record<string, Volume>;
  readonly images: Record<string, OwnImage>;
  readonly snapshots: Record<string, Snapshot>;
  readonly templates: Record<string, LaunchTemplate>;
  /** Of all running standard instances together: c, i, m, r, t and their like. */
  vCpuQuota: number;
  /** ARN of the key for disks that name none; without it AWS's own. */
  diskKey?: string | undefined;
  /** By resource id, whatever its type. */
  readonly tags: Record<string, Record<string, string>>;
  /** By operation and client token: what was asked with it, and what it made. */
  readonly tokens: Record<string, BoundToken>;
}

export interface Vpc {
  readonly id: string;
  readonly cidr: string;
  readonly isDefault: boolean;
}

export interface Subnet {
  readonly id: string;
  readonly vpcId: string;
  readonly zone: string;
  readonly cidr: string;
  readonly isDefault: boolean;
  mapsPublicIp: boolean;
}

export interface RouteTable {
  readonly id: string;
  readonly vpcId: string;
  /** A VPC's main table serves the subnets that no other table names. */
  readonly main: boolean;
  /** Association ids, by subnet. */
  readonly associations: Record<string, string>;
  /** Beside the local one: where each CIDR goes, to an igw-…, a nat-…, a tgw-… */
  readonly routes: Record<string, string>;
}

export interface InternetGateway {
  readonly id: string;
  vpcId?: string | undefined;
}

export interface NatGateway {
  readonly id: string;
  readonly vpcId: string;
  readonly subnetId: string;
  readonly interfaceId: string;
  readonly createdAt: number;
  state: "available" | "deleting" | "deleted";
  nextAt?: number | undefined;
}

/** What lets a VPC reach one AWS service without a way out. */
export interface VpcEndpoint {
  readonly id: string;
  readonly vpcId: string;
  readonly type: "Gateway" | "Interface";
  /** In full: com.amazonaws.us-east-1.ssm. */
  readonly service: string;
  /** Of an interface endpoint: whether the service's usual name leads to it. */
  readonly privateDns: boolean;
  readonly subnetIds: readonly string[];
  readonly groupIds: readonly string[];
  readonly interfaceIds: readonly string[];
  /** Of a gateway endpoint. */
  readonly routeTableIds: readonly string[];
  readonly createdAt: number;
  state: "pending" | "available" | "deleting";
  nextAt?: number | undefined;
}

export interface SecurityGroup {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly vpcId: string;
  readonly visibleFrom: number;
}

export interface Rule {
  readonly id: string;
  readonly groupId: string;
  readonly egress: boolean;
  readonly protocol: string;
  readonly from: number;
  readonly to: number;
  readonly peer: { readonly kind: "cidr" | "cidr6" | "prefixList" | "group"; readonly value: string };
  readonly description?: string | undefined;
  readonly addedAt: number;
  /** When services other than EC2 see it too. */
  readonly visibleFrom: number;
}

export interface Interface {
  readonly id: string;
  readonly subnetId: string;
  readonly groupIds: readonly string[];
  readonly privateIp: string;
  readonly publicIp?: string | undefined;
  readonly description: string;
  readonly instanceId?: string | undefined;
  /** The service that owns it, for interfaces a user must not touch. */
  readonly requester?: string | undefined;
  readonly type?: "nat_gateway" | "vpc_endpoint" | undefined;
  readonly createdAt: number;
}

export type InstanceState = "pending" | "running" | "stopping" | "stopped" | "shutting-down" | "terminated";

export interface Instance {
  readonly id: string;
  readonly reservationId: string;
  readonly token?: string | undefined;
  readonly imageId: string;
  readonly type: string;
  readonly architecture: string;
  readonly zone: string;
  readonly subnetId: string;
  readonly vpcId: string;
  readonly groupIds: readonly string[];
  readonly interfaceId: string;
  readonly privateIp: string;
  publicIp?: string | undefined;
  readonly profileArn?: string | undefined;
  /** Base64, as it was sent. */
  readonly userData?: string | undefined;
  readonly shutdownBehavior: "stop" | "terminate";
  readonly protectedFromTermination: boolean;
  readonly spotRequestId?: string | undefined;
  readonly rootDevice: string;
  readonly devices: readonly { readonly name: string; readonly volumeId: string; readonly goesToo: boolean }[];
  readonly metadata: { readonly tokens: string; readonly hopLimit: number; readonly endpoint: string };
  readonly launchIndex: number;
  readonly visibleFrom: number;
  launchedAt: number;
  runningAt?: number | undefined;
  rebootedAt?: number | undefined;
  state: InstanceState;
  /** When the state that is on its way is reached; absent when nothing is. */
  nextAt?: number | undefined;
  terminatedAt?: number | undefined;
  /** Why it left the state it was in: User initiated, or AWS's own reason. */
  reason?: { readonly code: string; readonly message: string } | undefined;
  /** Set at launch for one that will not come up. */
  readonly doom?: string | undefined;
}

export interface Volume {
  readonly id: string;
  readonly zone: string;
  readonly sizeGiB: number;
  readonly type: string;
  readonly iops?: number | undefined;
  readonly throughput?: number | undefined;
  readonly encrypted: boolean;
  readonly kmsKeyId?: string | undefined;
  readonly snapshotId?: string | undefined;
  readonly createdAt: number;
  attachedTo?: { readonly instanceId: string; readonly device: string; readonly goesToo: boolean } | undefined;
}

export interface BlockDevice {
  readonly name: string;
  readonly snapshotId: string;
  readonly sizeGiB: number;
  readonly type: string;
  readonly encrypted: boolean;
  readonly goesToo: boolean;
}

export interface OwnImage {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly architecture: string;
  readonly imdsV2: boolean;
  readonly rootDevice: string;
  readonly devices: readonly BlockDevice[];
  readonly sourceInstanceId: string;
  readonly sourceImageId: string;
  readonly createdAt: number;
  readonly visibleFrom: number;
  state: "pending" | "available" | "disabled" | "failed" | "deregistered";
  nextAt?: number | undefined;
  reason?: string | undefined;
  /** Set at creation for one that will fail. */
  readonly doom?: string | undefined;
}

export interface Snapshot {
  readonly id: string;
  readonly volumeId: string;
  readonly sizeGiB: number;
  readonly encrypted: boolean;
  readonly description: string;
  readonly startedAt: number;
  readonly visibleFrom: number;
  state: "pending" | "completed" | "error";
  completedAt?: number | undefined;
}

export interface LaunchTemplate {
  readonly id: string;
  readonly name: string;
  readonly createdAt: number;
  readonly visibleFrom: number;
  defaultVersion: number;
  lastNumber: number;
  versions: TemplateVersion[];
}

export interface TemplateVersion {
  readonly number: number;
  readonly description?: string | undefined;
  readonly createdAt: number;
  readonly visibleFrom?: number | undefined;
  readonly data: RequestLaunchTemplateData;
}

export interface BoundToken {
  readonly asked: string;
  readonly made: readonly string[];
  readonly at: number;
}

export function ec2Slice(call: Call): Ec2Slice {
  return call.slice("ec2", call.region, () => freshNetwork(call));
}

/** A region as a new account finds it, and beside the default VPC one whose subnets go out through a NAT gateway. */
function freshNetwork(call: Call): Ec2Slice {
  const slice: Ec2Slice = {
    vpcs: {},
    subnets: {},
    routeTables: {},
    internetGateways: {},
    natGateways: {},
    endpoints: {},
    zoneGroups: [],
    groups: {},
    rules: {},
    interfaces: {},
    instances: {},
    volumes: {},
    images: {},
    snapshots: {},
    templates: {},
    vCpuQuota: 5_000,
    tags: {},
    tokens: {},
  };
  const open = addVpc(slice, call, { cidr: "172.31.0.0/16", isDefault: true });
  addRouteTable(slice, call, open, { main: true, outward: addInternetGateway(slice, call, open) });
  const closed = addVpc(slice, call, { cidr: "10.0.0.0/16", isDefault: false, name: "private" });
  const gateway = addInternetGateway(slice, call, closed);
  const outside = addSubnet(slice, call, {
    ...{ vpcId: closed, zone: zonesOf(call.region)[0]!, cidr: "10.0.255.0/28", name: "private-nat" },
  });
  addRouteTable(slice, call, closed, { main: false, outward: gateway, subnetId: outside });
  addRouteTable(slice, call, closed, { main: true, outward: addNatGateway(slice, call, closed, outside) });
  return slice;
}

interface NewVpc {
  readonly cidr: string;
  readonly isDefault: boolean;
  readonly name?: string;
}

function addVpc(slice: Ec2Slice, call: Call, { cidr, isDefault, name }: NewVpc): string {
  const id = call.id("vpc-");
  slice.vpcs[id] = { id, cidr, isDefault };
  if (name !== undefined) slice.tags[id] = { Name: name };
  const [network = ""] = cidr.split(".0.0/");
  for (const [index, zone] of zonesOf(call.region).entries()) {
    const subnetName = name === undefined ? undefined : `${name}-${zone}`;
    addSubnet(slice, call, {
      ...{ vpcId: id, zone, cidr: `${network}.${index * 16}.0/20`, isDefault, name: subnetName },
    });
  }
  const group: SecurityGroup = {
    id: call.id("sg-"),
    name: "default",
    description: "default VPC security group",
    vpcId: id,
    visibleFrom: 0,
  };
  slice.groups[group.id] = group;
  addRule(slice, call, group.id, false, { kind: "group", value: group.id });
  addRule(slice, call, group.id, true, { kind: "cidr", value: "0.0.0.0/0" });
  return id;
}

interface NewSubnet {
  readonly vpcId: string;
  readonly zone: string;
  readonly cidr: string;
  readonly isDefault?: boolean;
  readonly name?: string | undefined;
}

function addSubnet(slice: Ec2Slice, call: Call, { name, isDefault = false, ...place }: NewSubnet): string {
  const id = call.id("subnet-");
  slice.subnets[id] = { id, ...place, isDefault, mapsPublicIp: isDefault };
  if (name !== undefined) slice.tags[id] = { Name: name };
  return id;
}

function addInternetGateway(slice: Ec2Slice, call: Call, vpcId: string): string {
  const id = call.id("igw-");
  slice.internetGateways[id] = { id, vpcId };
  return id;
}

function addNatGateway(slice: Ec2Slice, call: Call, vpcId: string, subnetId: string): string {
  const id = call.id("nat-");
  const interfaceId = call.id("eni-");
  slice.interfaces[interfaceId] = {
    id: interfaceId,
    subnetId,
    groupIds: [],
    privateIp: "10.0.255.4",
    publicIp: "54.80.0.4",
    description: `Interface for NAT Gateway ${id}`,
    requester: call.account,
    type: "nat_gateway",
    createdAt: call.now,
  };
  slice.natGateways[id] = { id, vpcId, subnetId, interfaceId, createdAt: call.now, state: "available" };
  return id;
}

interface NewRouteTable {
  readonly main: boolean;
  readonly outward: string;
  readonly subnetId?: string;
}

function addRouteTable(slice: Ec2Slice, call: Call, vpcId: string, { main, outward, subnetId }: NewRouteTable): void {
  const id = call.id("rtb-");
  const associations = subnetId === undefined ? {} : { [subnetId]: call.id("rtbassoc-") };
  slice.routeTables[id] = { id, vpcId, main, associations, routes: { "0.0.0.0/0": outward } };
}

function addRule(slice: Ec2Slice, call: Call, groupId: string, egress: boolean, peer: Rule["peer"]): void {
  const id = call.id("sgr-");
  slice.rules[id] = { id, groupId, egress, protocol: "-1", from: -1, to: -1, peer, addedAt: 0, visibleFrom: 0 };
}
