import {
  DescribeAvailabilityZonesCommand,
  DescribeVpcAttributeCommand,
  paginateDescribeInstanceTypeOfferings,
  paginateDescribeInstanceTypes,
  paginateDescribeSubnets,
  paginateDescribeVpcs,
  type Subnet,
  type Vpc,
} from "@aws-sdk/client-ec2";
import { GetParameterCommand } from "@aws-sdk/client-ssm";
import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { BootstrapError, ConfigError } from "../engine/errors.ts";
import type { Cloud } from "./clients.ts";
import { orNothing } from "./errors.ts";
import { listed } from "./pages.ts";
import { demandWayOut, hasWayOut, routesIn } from "./way-out.ts";

export interface Identity {
  readonly account: string;
  readonly arn: string;
  /** aws, aws-cn, aws-us-gov: the second field of every ARN there. */
  readonly partition: string;
}

/** Whose credentials these are; needs no permission. */
export async function whoAmI(cloud: Cloud): Promise<Identity> {
  const { Account, Arn } = await cloud.sts.send(new GetCallerIdentityCommand({}));
  const partition = Arn?.split(":")[1];
  if (!Account || !Arn || !partition) {
    throw new BootstrapError("credentials", "STS GetCallerIdentity was answered without an account", {
      hint: "whatever answered does not speak like AWS: look at the endpoint, and at a proxy on the way",
    });
  }
  return { account: Account, arn: Arn, partition };
}

/** AWS's family of ECS-optimized images for each. */
const FAMILY = { al2023: "amazon-linux-2023", al2: "amazon-linux-2" } as const;

export interface BaseImageWish {
  readonly os: keyof typeof FAMILY;
  readonly architecture: Architecture;
}

export type Architecture = "x86_64" | "arm64";

/** The newest ECS-optimized image, as AWS publishes it. */
export async function latestBaseImage(cloud: Cloud, { os, architecture }: BaseImageWish): Promise<string> {
  const variant = architecture === "arm64" ? "/arm64" : "";
  const Name = `/aws/service/ecs/optimized-ami/${FAMILY[os]}${variant}/recommended/image_id`;
  const answer = await orNothing(cloud.ssm.send(new GetParameterCommand({ Name })));
  const imageId = answer?.Parameter?.Value;
  if (imageId !== undefined) return imageId;
  throw new BootstrapError("facts", `AWS publishes no ECS-optimized ${os} image for ${architecture} here (${Name})`, {
    hint: "choose another machineImage.os, other compute.instanceTypes or another region",
  });
}

export interface InstanceTypeFacts {
  readonly instanceType: string;
  readonly vcpus: number;
  readonly memoryMiB: number;
  readonly architecture: Architecture;
  /** Of each instance-store disk; empty where there is none. */
  readonly diskSizesGB: readonly number[];
  /** Whether those disks speak NVMe; older types have SATA and SAS disks. */
  readonly nvme: boolean;
}

/** What the given types have, in the order asked. Throws ConfigError for one that this region does not offer. */
export async function describeInstanceTypes(cloud: Cloud, types: readonly string[]): Promise<InstanceTypeFacts[]> {
  if (types.length === 0) return [];
  // A filter leaves out what it does not know; a list of names fails as a whole.
  const asked = { Filters: [{ Name: "instance-type", Values: [...types] }] };
  const pages = paginateDescribeInstanceTypes({ client: cloud.ec2 }, asked);
  const known = await listed(pages, ({ InstanceTypes }) => InstanceTypes);
  return types.map((type) => {
    const info = known.find(({ InstanceType }) => InstanceType === type);
    if (!info) throw notOffered(type);
    return {
      instanceType: type,
      vcpus: info.VCpuInfo!.DefaultVCpus!,
      memoryMiB: info.MemoryInfo!.SizeInMiB!,
      architecture: info.ProcessorInfo?.SupportedArchitectures?.includes("arm64") ? "arm64" : "x86_64",
      diskSizesGB: (info.InstanceStorageInfo?.Disks ?? []).flatMap(({ SizeInGB = 0, Count = 0 }) =>
        new Array<number>(Count).fill(SizeInGB),
      ),
      nvme: /^(required|supported)$/.test(info.InstanceStorageInfo?.NvmeSupport ?? ""),
    };
  });
}

export interface NetworkWish {
  /** Without it: the VPC of the subnets named, or the region's default VPC. */
  readonly vpcId?: string | undefined;
  /** Where file system and builders stand. Without it: the one with the most free addresses of all that will do. */
  readonly subnetId?: string | undefined;
  /** Where jobs run; when given, the one above is chosen among them. */
  readonly computeSubnetIds?: readonly string[] | undefined;
  /** Every one must be offered in the zone of every subnet used. */
  readonly instanceTypes: readonly string[];
  /** Addresses that file system and builders take. */
  readonly freeIps?: number | undefined;
  /** Told what may be wrong with the subnets and cannot be found out from here. */
  warn?(text: string): void;
}

export interface NetworkFacts {
  readonly vpcId: string;
  readonly subnetId: string;
  readonly zone: string;
}

/** The VPC and the subnet for file system and builders. Throws ConfigError that names the zones to choose from. */
export async function chooseNetwork(cloud: Cloud, wish: NetworkWish): Promise<NetworkFacts> {
  const { instanceTypes, subnetId, computeSubnetIds, freeIps = 1 } = wish;
  const [vpcs, all, zonesOf] = await Promise.all([
    vpcsFor(cloud, wish),
    subnetsOf(cloud),
    zonesOffering(cloud, instanceTypes),
  ]);
  const named = [subnetId ?? [], computeSubnetIds ?? []].flat().map((id) => subnetById(all, id));
  const vpcId = chooseVpc(vpcs, named, wish);
  for (const subnet of named) demandOffers(subnet, zonesOf);

  const candidates =
    named.length > 0
      ? named
      : await ownZonesOnly(
          cloud,
          all.filter(({ VpcId }) => VpcId === vpcId),
        );
  const fitting = candidates.filter((subnet) => offersAll(subnet, zonesOf));
  if (fitting.length === 0) throw noZone(vpcId, candidates, zonesOf);
  const routes = await routesIn(cloud, vpcId);
  const open = fitting.filter((subnet) => hasWayOut(routes, subnet));
  const chosen = subnetId === undefined ? mostFree(open.length > 0 ? open : fitting) : subnetById(all, subnetId);
  for (const subnet of new Set([chosen, ...named])) {
    const doubt = await demandWayOut(cloud, routes, subnet);
    if (doubt !== undefined) wish.warn?.(doubt);
  }
  if (free(chosen) < freeIps) {
    throw new ConfigError(
      `${chosen.SubnetId} has ${free(chosen)} free addresses, and file system and builders take ${freeIps}`,
      "name a larger one with network.subnetId",
    );
  }
  await demandDns(cloud, vpcId);
  return { vpcId, subnetId: chosen.SubnetId!, zone: chosen.AvailabilityZone! };
}

/** Without local zones, wavelength zones and outposts, which lack much of what is needed. */
async function ownZonesOnly(cloud: Cloud, subnets: readonly Subnet[]): Promise<Subnet[]> {
  const { AvailabilityZones = [] } = await cloud.ec2.send(new DescribeAvailabilityZonesCommand({}));
  const others = new Set(
    AvailabilityZones.filter(({ ZoneType }) => ZoneType !== "availability-zone").map(({ ZoneName }) => ZoneName),
  );
  return subnets.filter(({ AvailabilityZone, OutpostArn }) => !OutpostArn && !others.has(AvailabilityZone));
}

/** Subnets of the same VPC in its region's other zones, as `subnet-… (zone)`. */
export async function subnetsElsewhere(cloud: Cloud, subnetId: string): Promise<readonly string[]> {
  const all = await subnetsOf(cloud);
  const here = subnetById(all, subnetId);
  const elsewhere = all.filter(
    ({ VpcId, AvailabilityZone }) => VpcId === here.VpcId && AvailabilityZone !== here.AvailabilityZone,
  );
  const words = ({ SubnetId, AvailabilityZone }: Subnet) => `${SubnetId} (${AvailabilityZone})`;
  return (await ownZonesOnly(cloud, elsewhere)).map(words).sort();
}

/** By type, the zones that offer it. */
type ZonesOf = ReadonlyMap<string, ReadonlySet<string>>;

async function vpcsFor(cloud: Cloud, { vpcId, subnetId, computeSubnetIds }: NetworkWish): Promise<Vpc[]> {
  if (vpcId === undefined && (subnetId !== undefined || computeSubnetIds?.length)) return [];
  const filter = vpcId === undefined ? { Name: "is-default", Values: ["true"] } : { Name: "vpc-id", Values: [vpcId] };
  return listed(paginateDescribeVpcs({ client: cloud.ec2 }, { Filters: [filter] }), ({ Vpcs }) => Vpcs);
}

function subnetsOf({ ec2 }: Cloud): Promise<Subnet[]> {
  const asked = { Filters: [{ Name: "state", Values: ["available"] }] };
  return listed(paginateDescribeSubnets({ client: ec2 }, asked), ({ Subnets }) => Subnets);
}

async function zonesOffering(cloud: Cloud, types: readonly string[]): Promise<ZonesOf> {
  const zones = new Map(types.map((type) => [type, new Set<string>()]));
  if (types.length === 0) return zones;
  const Filters = [{ Name: "instance-type", Values: [...types] }];
  const asked = { LocationType: "availability-zone", Filters } as const;
  const pages = paginateDescribeInstanceTypeOfferings({ client: cloud.ec2 }, asked);
  for (const { InstanceType = "", Location = "" } of await listed(pages, (page) => page.InstanceTypeOfferings)) {
    zones.get(InstanceType)?.add(Location);
  }
  for (const [type, offering] of zones) if (offering.size === 0) throw notOffered(type);
  return zones;
}

function subnetById(all: readonly Subnet[], subnetId: string): Subnet {
  const subnet = all.find((one) => one.SubnetId === subnetId);
  if (subnet) return subnet;
  throw new ConfigError(
    `subnet ${subnetId} is not there in this region, or not available`,
    "correct network.subnetId or compute.subnetIds",
  );
}

function chooseVpc([vpc]: readonly Vpc[], named: readonly Subnet[], { vpcId }: NetworkWish): string {
  if (vpcId !== undefined && !vpc) {
    throw new ConfigError(`VPC ${vpcId} is not there in this region`, "correct network.vpcId");
  }
  const chosen = vpc?.VpcId ?? named[0]?.VpcId;
  if (chosen === undefined) {
    throw new ConfigError(
      "this region has no default VPC",
      "name one with network.vpcId, or run: aws ec2 create-default-vpc",
    );
  }
  const stray = named.find((subnet) => subnet.VpcId !== chosen);
  if (!stray) return chosen;
  throw new ConfigError(
    `subnet ${stray.SubnetId} is in ${stray.VpcId}, not in ${chosen}`,
    "make network.vpcId, network.subnetId and compute.subnetIds agree",
  );
}

function offersAll({ AvailabilityZone = "" }: Subnet, zonesOf: ZonesOf): boolean {
  return [...zonesOf.values()].every((zones) => zones.has(AvailabilityZone));
}

function demandOffers(subnet: Subnet, zonesOf: ZonesOf): void {
  if (offersAll(subnet, zonesOf)) return;
  throw new ConfigError(
    `subnet ${subnet.SubnetId} is in ${subnet.AvailabilityZone}, and ${offers(zonesOf)}`,
    "name a subnet in another zone, or another instance type",
  );
}

function noZone(vpcId: string, candidates: readonly Subnet[], zonesOf: ZonesOf): ConfigError {
  const have = list(candidates.map(({ AvailabilityZone = "" }) => AvailabilityZone));
  return new ConfigError(
    `${vpcId} has ${have ? `subnets in ${have} only` : "no available subnet"}${zonesOf.size > 0 ? `, and ${offers(zonesOf)}` : ""}`,
    "add a subnet in a zone that offers every one of them, or name another instance type",
  );
}

function notOffered(type: string): ConfigError {
  return new ConfigError(`instance type ${type} is not offered in this region`, "name another instance type");
}

function offers(zonesOf: ZonesOf): string {
  return [...zonesOf].map(([type, zones]) => `${type} is offered in ${list(zones)}`).join(", ");
}

function list(zones: Iterable<string>): string {
  return [...new Set(zones)].sort().join(", ");
}

/** In powers of two, so that the few addresses an environment takes do not move the choice to another subnet. */
function mostFree(subnets: readonly Subnet[]): Subnet {
  const room = (subnet: Subnet) => Math.floor(Math.log2(free(subnet) + 1));
  const place = ({ AvailabilityZone, SubnetId }: Subnet) => `${AvailabilityZone} ${SubnetId}`;
  return [...subnets].sort((a, b) => room(b) - room(a) || (place(a) < place(b) ? -1 : 1))[0]!;
}

function free({ AvailableIpAddressCount = 0 }: Subnet): number {
  return AvailableIpAddressCount;
}

async function demandDns(cloud: Cloud, VpcId: string): Promise<void> {
  const asked = { VpcId, Attribute: "enableDnsSupport" } as const;
  const { EnableDnsSupport } = await cloud.ec2.send(new DescribeVpcAttributeCommand(asked));
  if (EnableDnsSupport?.Value !== false) return;
  throw new ConfigError(
    `${VpcId} resolves no DNS names, and a file system is mounted by its name`,
    `aws ec2 modify-vpc-attribute --vpc-id ${VpcId} --enable-dns-support`,
  );
}
