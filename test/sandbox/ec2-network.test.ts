import {
  CreateSecurityGroupCommand,
  DeleteSecurityGroupCommand,
  DescribeAvailabilityZonesCommand,
  DescribeInstanceTypeOfferingsCommand,
  DescribeInstanceTypesCommand,
  DescribeInternetGatewaysCommand,
  DescribeNatGatewaysCommand,
  DescribeNetworkInterfacesCommand,
  DescribeRouteTablesCommand,
  DescribeSubnetsCommand,
  DescribeVpcAttributeCommand,
  DescribeVpcsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { describe, expect, it } from "vitest";
import type { Call, Service } from "../../sandbox/service.ts";
import { attachInterfaces, releaseInterfaces } from "../../sandbox/services/ec2/interfaces.ts";
import { ec2Slice, type SecurityGroup } from "../../sandbox/services/ec2/slice.ts";
import { ec2 as ec2Service } from "../../sandbox/services/ec2.ts";
import { ec2Lab } from "./ec2-lab.ts";
import { codeOf, memory } from "./memory.ts";

describe("a region", () => {
  it("has a default VPC with a public subnet in every zone, and one whose subnets are private", async () => {
    const { ec2 } = ec2Lab();
    const { AvailabilityZones: zones } = await ec2.send(new DescribeAvailabilityZonesCommand({}));
    expect(zones).toHaveLength(6);
    const { Vpcs } = await ec2.send(new DescribeVpcsCommand({ Filters: [{ Name: "is-default", Values: ["true"] }] }));
    expect(Vpcs).toHaveLength(1);
    const { Subnets } = await ec2.send(
      new DescribeSubnetsCommand({ Filters: [{ Name: "vpc-id", Values: [Vpcs![0]!.VpcId!] }] }),
    );
    expect(Subnets?.map(({ AvailabilityZone }) => AvailabilityZone).sort()).toEqual(
      zones?.map(({ ZoneName }) => ZoneName).sort(),
    );
    expect(new Set(Subnets?.map(({ MapPublicIpOnLaunch }) => MapPublicIpOnLaunch))).toEqual(new Set([true]));
    const isPrivate = [{ Name: "default-for-az", Values: ["false"] }];
    const { Subnets: others } = await ec2.send(new DescribeSubnetsCommand({ Filters: isPrivate }));
    // One for each zone, and one that the NAT gateway stands in.
    expect(others?.map(({ MapPublicIpOnLaunch }) => MapPublicIpOnLaunch)).toEqual(Array(7).fill(false));
  });

  it("routes the default VPC through an internet gateway and the other through NAT, whose own subnet is public", async () => {
    const { ec2 } = ec2Lab();
    const { Vpcs } = await ec2.send(new DescribeVpcsCommand({}));
    const { RouteTables } = await ec2.send(new DescribeRouteTablesCommand({}));
    const waysOut = (isDefault: boolean) => {
      const { VpcId } = Vpcs!.find((vpc) => vpc.IsDefault === isDefault)!;
      return RouteTables!
        .filter((table) => table.VpcId === VpcId)
        .map(({ Associations = [], Routes = [] }) => {
          const out = Routes.find(({ DestinationCidrBlock }) => DestinationCidrBlock === "0.0.0.0/0");
          return [Associations.every(({ Main }) => Main), (out?.GatewayId ?? out?.NatGatewayId)?.split("-")[0]];
        })
        .sort();
    };
    expect(waysOut(true)).toEqual([[true, "igw"]]);
    expect(waysOut(false)).toEqual([
      [false, "igw"],
      [true, "nat"],
    ]);
    const { NatGateways } = await ec2.send(new DescribeNatGatewaysCommand({}));
    expect(NatGateways).toMatchObject([{ State: "available", ConnectivityType: "public" }]);
    const beside = [{ Name: "association.subnet-id", Values: [NatGateways![0]!.SubnetId!] }];
    const { RouteTables: outside } = await ec2.send(new DescribeRouteTablesCommand({ Filters: beside }));
    expect(outside?.[0]?.Routes?.map(({ GatewayId }) => GatewayId)).toEqual(["local", expect.stringMatching(/^igw-/)]);
    const { InternetGateways } = await ec2.send(new DescribeInternetGatewaysCommand({}));
    expect(InternetGateways?.flatMap(({ Attachments = [] }) => Attachments.map(({ VpcId }) => VpcId)).sort()).toEqual(
      Vpcs?.map(({ VpcId }) => VpcId).sort(),
    );
  });

  it("has DNS switched on in its VPCs", async () => {
    const { ec2 } = ec2Lab();
    const { Vpcs } = await ec2.send(new DescribeVpcsCommand({}));
    const ask = (Attribute: "enableDnsSupport" | "enableDnsHostnames") =>
      ec2.send(new DescribeVpcAttributeCommand({ VpcId: Vpcs![0]!.VpcId!, Attribute }));
    expect((await ask("enableDnsSupport")).EnableDnsSupport?.Value).toBe(true);
    expect((await ask("enableDnsHostnames")).EnableDnsHostnames?.Value).toBe(true);
  });

  it("counts the free addresses of a subnet, one less for each interface", async () => {
    const lab = ec2Lab();
    const { SubnetId, NetworkInterfaces } = await lab.run();
    const { Subnets } = await lab.ec2.send(new DescribeSubnetsCommand({ SubnetIds: [SubnetId!] }));
    expect(Subnets?.[0]?.AvailableIpAddressCount).toBe(4096 - 5 - 1);
    const id = NetworkInterfaces![0]!.NetworkInterfaceId!;
    const { NetworkInterfaces: shown } = await lab.ec2.send(
      new DescribeNetworkInterfacesCommand({ Filters: [{ Name: "subnet-id", Values: [SubnetId!] }] }),
    );
    expect(shown?.map(({ NetworkInterfaceId }) => NetworkInterfaceId)).toEqual([id]);
  });

  it("shows the interfaces of other services as theirs, and keeps their groups while they stay", async () => {
    const made: string[] = [];
    const owner: Service = {
      name: "sts",
      client: () => import("@aws-sdk/client-sts"),
      operations: {
        GetCallerIdentity: (_input: unknown, call: Call) => {
          if (made.length > 0) return releaseInterfaces(call, made.splice(0));
          const { subnets, groups } = ec2Slice(call);
          const [subnetId = "", groupId = ""] = [Object.keys(subnets)[0], groupNamed(groups, "lustre")];
          const wanted = { subnetId, groupIds: [groupId], description: "file system", requester: "amazon-fsx" };
          made.push(...attachInterfaces(call, wanted, 2).map(({ id }) => id));
        },
      },
    };
    const lab = memory({ services: [ec2Service, owner] });
    const [ec2, sts] = [new EC2Client(lab.config()), new STSClient(lab.config())];
    const { GroupId } = await ec2.send(new CreateSecurityGroupCommand({ GroupName: "lustre", Description: "d" }));
    const turn = () => sts.send(new GetCallerIdentityCommand({}));
    const Filters = [{ Name: "group-id", Values: [GroupId!] }];
    const shown = async () => (await ec2.send(new DescribeNetworkInterfacesCommand({ Filters }))).NetworkInterfaces;
    await turn();
    const theirs = { RequesterManaged: true, RequesterId: "amazon-fsx", Groups: [{ GroupId }] };
    expect(await shown()).toMatchObject([theirs, theirs]);
    const remove = () => ec2.send(new DeleteSecurityGroupCommand({ GroupId }));
    expect(await codeOf(remove())).toBe("DependencyViolation");
    await turn();
    expect(await shown()).toEqual([]);
    await remove();
  });

  it("refuses ids it does not have", async () => {
    const { ec2 } = ec2Lab();
    expect(await codeOf(ec2.send(new DescribeVpcsCommand({ VpcIds: ["vpc-1"] })))).toBe("InvalidVpcID.NotFound");
    expect(await codeOf(ec2.send(new DescribeSubnetsCommand({ SubnetIds: ["subnet-1"] })))).toBe(
      "InvalidSubnetID.NotFound",
    );
  });
});

describe("instance types", () => {
  it("are told with AWS's own numbers", async () => {
    const { ec2 } = ec2Lab();
    const { InstanceTypes } = await ec2.send(new DescribeInstanceTypesCommand({ InstanceTypes: ["c5d.9xlarge"] }));
    expect(InstanceTypes).toMatchObject([
      {
        VCpuInfo: { DefaultVCpus: 36 },
        MemoryInfo: { SizeInMiB: 73_728 },
        ProcessorInfo: { SupportedArchitectures: ["x86_64"] },
        InstanceStorageInfo: { TotalSizeInGB: 900, Disks: [{ Count: 1, SizeInGB: 900, Type: "ssd" }] },
      },
    ]);
    const facts = async (type: string) => {
      const answer = await ec2.send(new DescribeInstanceTypesCommand({ InstanceTypes: [type as "t2.micro"] }));
      const { VCpuInfo, MemoryInfo, InstanceStorageInfo } = answer.InstanceTypes![0]!;
      return [VCpuInfo?.DefaultVCpus, MemoryInfo?.SizeInMiB, InstanceStorageInfo?.TotalSizeInGB];
    };
    expect(await facts("t2.micro")).toEqual([1, 1024, undefined]);
    expect(await facts("i3en.3xlarge")).toEqual([12, 98_304, 7500]);
    expect(await facts("m6id.32xlarge")).toEqual([128, 524_288, 7600]);
    expect(await facts("r5d.4xlarge")).toEqual([16, 131_072, 600]);
    expect(await facts("c7i.48xlarge")).toEqual([192, 393_216, undefined]);
    expect(await facts("m7i-flex.large")).toEqual([2, 8192, undefined]);
    expect(await facts("i4g.16xlarge")).toEqual([64, 524_288, 15_000]);
  });

  it("are refused when they do not exist", async () => {
    const { ec2 } = ec2Lab();
    const unknown = new DescribeInstanceTypesCommand({ InstanceTypes: ["c5d.huge" as "t2.micro"] });
    expect(await codeOf(ec2.send(unknown))).toBe("InvalidInstanceType");
  });

  it("are not all offered everywhere: one zone of each region has no c5d", async () => {
    for (const [region, zones, without] of [
      ["us-east-1", 6, "us-east-1e"],
      ["cn-northwest-1", 3, "cn-northwest-1c"],
    ] as const) {
      const { InstanceTypeOfferings } = await ec2Lab(region).ec2.send(
        new DescribeInstanceTypeOfferingsCommand({
          LocationType: "availability-zone",
          Filters: [{ Name: "instance-type", Values: ["c5d.9xlarge"] }],
        }),
      );
      const places = InstanceTypeOfferings?.map(({ Location }) => Location);
      expect(places).toHaveLength(zones - 1);
      expect(places).not.toContain(without);
    }
  });
});

function groupNamed(groups: Readonly<Record<string, SecurityGroup>>, wanted: string): string | undefined {
  return Object.values(groups).find(({ name }) => name === wanted)?.id;
}
