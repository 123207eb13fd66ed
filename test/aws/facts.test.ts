import {
  AssociateRouteTableCommand,
  CreateRouteCommand,
  CreateRouteTableCommand,
  CreateSubnetCommand,
  CreateVpcEndpointCommand,
  DeleteRouteCommand,
  DescribeAvailabilityZonesCommand,
  DescribeNatGatewaysCommand,
  DescribeRouteTablesCommand,
  DescribeSubnetsCommand,
  ModifyAvailabilityZoneGroupCommand,
  ModifySubnetAttributeCommand,
  type Subnet,
} from "@aws-sdk/client-ec2";
import { beforeEach, describe, expect, it } from "vitest";
import { chooseNetwork, describeInstanceTypes, latestBaseImage, whoAmI } from "../../src/aws/facts.ts";
import { type Lab, lab } from "../steps/harness.ts";

describe("whoAmI", () => {
  it.each([
    ["us-east-1", "aws"],
    ["cn-northwest-1", "aws-cn"],
  ])("reads account and partition from the caller's ARN in %s", async (region, partition) => {
    const { cloud } = lab(region);
    expect(await whoAmI(cloud)).toMatchObject({ account: "123456789012", partition });
  });
});

describe("latestBaseImage", () => {
  it("is the image AWS recommends for the system and the architecture", async () => {
    const { cloud } = lab();
    const wishes = [
      { os: "al2023", architecture: "x86_64" },
      { os: "al2023", architecture: "arm64" },
      { os: "al2", architecture: "x86_64" },
    ] as const;
    const images = await Promise.all(wishes.map((wish) => latestBaseImage(cloud, wish)));
    for (const image of images) expect(image).toMatch(/^ami-[0-9a-f]+$/);
    expect(new Set(images).size).toBe(3);
  });

  it("says which parameter is missing where AWS publishes none", async () => {
    const { cloud, faults } = lab();
    faults.push({ operation: "GetParameter", error: { code: "ParameterNotFound" } });
    await expect(latestBaseImage(cloud, { os: "al2023", architecture: "arm64" })).rejects.toThrow(
      /no ECS-optimized al2023 image for arm64.*amazon-linux-2023\/arm64\/recommended\/image_id/,
    );
  });
});

describe("describeInstanceTypes", () => {
  it("tells what the types have, in the order asked, with one call", async () => {
    const { cloud, calls } = lab();
    const [large, none] = await describeInstanceTypes(cloud, ["c5d.9xlarge", "c5.large"]);
    expect(calls).toHaveLength(1);
    expect(large).toEqual({
      instanceType: "c5d.9xlarge",
      vcpus: 36,
      memoryMiB: 73_728,
      architecture: "x86_64",
      diskSizesGB: [900],
      nvme: true,
    });
    expect(none).toMatchObject({ instanceType: "c5.large", vcpus: 2, diskSizesGB: [] });
  });

  it("knows disks that are not NVMe", async () => {
    const [old] = await describeInstanceTypes(lab().cloud, ["d2.2xlarge"]);
    expect(old).toMatchObject({ diskSizesGB: new Array(6).fill(2000), nvme: false });
  });

  it("counts each disk", async () => {
    const [type] = await describeInstanceTypes(lab().cloud, ["c5d.24xlarge"]);
    expect(type!.diskSizesGB).toEqual([900, 900, 900, 900]);
  });

  it("names the type that the region does not offer", async () => {
    await expect(describeInstanceTypes(lab().cloud, ["c5d.9xlarge", "z9.mega"])).rejects.toThrow(/z9\.mega/);
  });
});

describe("chooseNetwork", () => {
  let world: Lab;
  let subnets: readonly Subnet[];
  const instanceTypes = ["c5d.9xlarge"];

  beforeEach(async () => {
    world = lab();
    subnets = (await world.cloud.ec2.send(new DescribeSubnetsCommand({}))).Subnets!;
  });

  const isDefault = (subnet: Subnet) => subnet.DefaultForAz === true;
  const inZone = (zone: string) => (subnet: Subnet) => subnet.AvailabilityZone === zone;

  it("chooses a subnet of the default VPC whose zone offers the type, the same each time", async () => {
    const chosen = await chooseNetwork(world.cloud, { instanceTypes });
    expect(subnets.filter(isDefault).map(({ SubnetId }) => SubnetId)).toContain(chosen.subnetId);
    expect(chosen.zone).not.toBe("us-east-1e");
    expect(await chooseNetwork(world.cloud, { instanceTypes })).toEqual(chosen);
  });

  it("takes the VPC from the subnet that is named", async () => {
    const named = subnets.find((subnet) => !isDefault(subnet) && inZone("us-east-1b")(subnet))!;
    expect(await chooseNetwork(world.cloud, { subnetId: named.SubnetId, instanceTypes })).toEqual({
      vpcId: named.VpcId,
      subnetId: named.SubnetId,
      zone: "us-east-1b",
    });
  });

  it("chooses among the subnets that jobs run in", async () => {
    const named = subnets.find((subnet) => !isDefault(subnet) && inZone("us-east-1c")(subnet))!;
    const wish = { computeSubnetIds: [named.SubnetId!], instanceTypes };
    expect((await chooseNetwork(world.cloud, wish)).subnetId).toBe(named.SubnetId);
  });

  it("refuses a subnet in a zone that lacks the type and names the zones that have it", async () => {
    const named = subnets.find((subnet) => isDefault(subnet) && inZone("us-east-1e")(subnet))!;
    await expect(chooseNetwork(world.cloud, { subnetId: named.SubnetId, instanceTypes })).rejects.toThrow(
      "is in us-east-1e, and c5d.9xlarge is offered in us-east-1a, us-east-1b, us-east-1c, us-east-1d, us-east-1f",
    );
  });

  it("refuses a subnet that is not in the VPC named", async () => {
    const [one, other] = [subnets.find(isDefault)!, subnets.find((subnet) => !isDefault(subnet))!];
    const wish = { vpcId: one.VpcId, subnetId: other.SubnetId, instanceTypes };
    await expect(chooseNetwork(world.cloud, wish)).rejects.toThrow(`is in ${other.VpcId}, not in ${one.VpcId}`);
  });

  it("refuses what is not there, by its id", async () => {
    const vpcId = "vpc-0123456789abcdef0";
    await expect(chooseNetwork(world.cloud, { vpcId, instanceTypes })).rejects.toThrow(`${vpcId} is not there`);
    const subnetId = "subnet-0123456789abcdef0";
    await expect(chooseNetwork(world.cloud, { subnetId, instanceTypes })).rejects.toThrow(`${subnetId} is not there`);
  });

  it("refuses a type that no zone offers", async () => {
    await expect(chooseNetwork(world.cloud, { instanceTypes: ["z9.mega"] })).rejects.toThrow(/z9\.mega is not offered/);
  });

  it("refuses a subnet with too few free addresses", async () => {
    await expect(chooseNetwork(world.cloud, { instanceTypes, freeIps: 10_000 })).rejects.toThrow(/free addresses/);
  });

  describe("the way out", () => {
    /** Takes the way out from a VPC's main route table. */
    async function shut(isDefaultVpc: boolean) {
      const { ec2 } = world.cloud;
      const { VpcId } = subnets.find((subnet) => isDefault(subnet) === isDefaultVpc)!;
      const { RouteTables } = await ec2.send(
        new DescribeRouteTablesCommand({ Filters: [{ Name: "vpc-id", Values: [VpcId!] }] }),
      );
      const { RouteTableId } = RouteTables![0]!;
      await ec2.send(new DeleteRouteCommand({ RouteTableId, DestinationCidrBlock: "0.0.0.0/0" }));
      return { vpcId: VpcId!, routeTableId: RouteTableId! };
    }

    it("makes a subnet with fewer addresses the better one", async () => {
      const { ec2 } = world.cloud;
      const { vpcId } = await shut(false);
      const { RouteTable } = await ec2.send(new CreateRouteTableCommand({ VpcId: vpcId }));
      const { NatGateways } = await ec2.send(new DescribeNatGatewaysCommand({}));
      const route = { DestinationCidrBlock: "0.0.0.0/0", NatGatewayId: NatGateways![0]!.NatGatewayId };
      await ec2.send(new CreateRouteCommand({ RouteTableId: RouteTable!.RouteTableId, ...route }));
      const { Subnet: small } = await ec2.send(
        new CreateSubnetCommand({ VpcId: vpcId, CidrBlock: "10.0.240.0/24", AvailabilityZone: "us-east-1b" }),
      );
      await ec2.send(
        new AssociateRouteTableCommand({ RouteTableId: RouteTable!.RouteTableId, SubnetId: small!.SubnetId }),
      );
      expect((await chooseNetwork(world.cloud, { vpcId, instanceTypes })).subnetId).toBe(small!.SubnetId);
    });

    it("is missing where the gateway to the internet has no public addresses to serve", async () => {
      const { ec2 } = world.cloud;
      const { VpcId } = subnets.find(isDefault)!;
      for (const { SubnetId } of subnets.filter(isDefault)) {
        await ec2.send(new ModifySubnetAttributeCommand({ SubnetId, MapPublicIpOnLaunch: { Value: false } }));
      }
      await expect(chooseNetwork(world.cloud, { vpcId: VpcId!, instanceTypes })).rejects.toThrow(
        /leads to igw-.*no public address; and vpc-\w+ has no endpoint for ssm, ssmmessages or ec2messages, ecr\.api/,
      );
    });

    it("is demanded of the subnets that are named, too, and endpoints may stand in for it", async () => {
      const { ec2 } = world.cloud;
      const { vpcId, routeTableId } = await shut(false);
      const subnetId = subnets.find((subnet) => !isDefault(subnet) && inZone("us-east-1b")(subnet))!.SubnetId!;
      const wish = { subnetId, computeSubnetIds: [subnetId], instanceTypes };
      await expect(chooseNetwork(world.cloud, wish)).rejects.toThrow(
        new RegExp(`subnet ${subnetId} has no way out: ${routeTableId} has no route to 0.0.0.0/0.*logs, s3$`),
      );
      const services = ["ssm", "ssmmessages", "ecr.api", "ecr.dkr", "ecs", "ecs-agent", "ecs-telemetry", "logs"];
      const [first, ...rest] = services.map((service) => ({
        ServiceName: `com.amazonaws.us-east-1.${service}`,
        ...{ VpcId: vpcId, VpcEndpointType: "Interface" as const, PrivateDnsEnabled: true, SubnetIds: [subnetId] },
      }));
      for (const endpoint of rest) await ec2.send(new CreateVpcEndpointCommand(endpoint));
      await expect(chooseNetwork(world.cloud, wish)).rejects.toThrow(/has no endpoint for ssm, s3$/);
      await ec2.send(new CreateVpcEndpointCommand(first!));
      const s3 = { VpcId: vpcId, ServiceName: "com.amazonaws.us-east-1.s3", RouteTableIds: [routeTableId] };
      await ec2.send(new CreateVpcEndpointCommand(s3));
      expect((await chooseNetwork(world.cloud, wish)).subnetId).toBe(subnetId);
    });

    it("is doubted, and not denied, where endpoints have no names of their own, which a zone may give them", async () => {
      const { vpcId, routeTableId } = await shut(false);
      const services = ["ssm", "ssmmessages", "ecr.api", "ecr.dkr", "ecs", "ecs-agent", "ecs-telemetry", "logs", "s3"];
      for (const service of services) {
        const ServiceName = `com.amazonaws.us-east-1.${service}`;
        const how = service === "s3" ? { RouteTableIds: [routeTableId] } : { VpcEndpointType: "Interface" as const };
        const PrivateDnsEnabled = !["ssm", "s3"].includes(service);
        await world.cloud.ec2.send(
          new CreateVpcEndpointCommand({ VpcId: vpcId, ServiceName, ...how, PrivateDnsEnabled }),
        );
      }
      const warnings: string[] = [];
      const chosen = await chooseNetwork(world.cloud, { vpcId, instanceTypes, warn: (text) => warnings.push(text) });
      expect(warnings).toEqual([
        expect.stringMatching(`^${vpcId} has endpoints without private DNS for ssm: .* in ${chosen.subnetId} is`),
      ]);
    });

    it("is not denied where a route leads to another network, which may have the endpoints", async () => {
      const { vpcId, routeTableId: RouteTableId } = await shut(false);
      await expect(chooseNetwork(world.cloud, { vpcId, instanceTypes })).rejects.toThrow("has no way out");
      const route = { DestinationCidrBlock: "10.8.0.0/16", TransitGatewayId: "tgw-0123456789abcdef0" };
      await world.cloud.ec2.send(new CreateRouteCommand({ RouteTableId, ...route }));
      expect((await chooseNetwork(world.cloud, { vpcId, instanceTypes })).vpcId).toBe(vpcId);
    });

    it("is taken for given where one may not look", async () => {
      await shut(true);
      world.faults.push({ operation: "DescribeRouteTables", error: { code: "UnauthorizedOperation" } });
      await chooseNetwork(world.cloud, { instanceTypes });
    });

    it("is not looked for in a local zone, whose subnet is never chosen unasked", async () => {
      const { ec2 } = world.cloud;
      const { AvailabilityZones } = await ec2.send(
        new DescribeAvailabilityZonesCommand({ AllAvailabilityZones: true }),
      );
      const local = AvailabilityZones!.find(({ ZoneType }) => ZoneType === "local-zone")!;
      await ec2.send(new ModifyAvailabilityZoneGroupCommand({ GroupName: local.GroupName!, OptInStatus: "opted-in" }));
      const { VpcId } = subnets.find(isDefault)!;
      await ec2.send(
        new CreateSubnetCommand({ VpcId, CidrBlock: "172.31.128.0/17", AvailabilityZone: local.ZoneName }),
      );
      const chosen = await chooseNetwork(world.cloud, { instanceTypes: ["c5.large"] });
      expect(chosen.zone).not.toBe(local.ZoneName);
    });
  });
});
