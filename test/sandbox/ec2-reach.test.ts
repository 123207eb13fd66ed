import {
  AssociateRouteTableCommand,
  AuthorizeSecurityGroupEgressCommand,
  AuthorizeSecurityGroupIngressCommand,
  CreateRouteCommand,
  CreateRouteTableCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateVpcEndpointCommand,
  DeleteNatGatewayCommand,
  DeleteRouteCommand,
  DeleteRouteTableCommand,
  DeleteSubnetCommand,
  DeleteVpcEndpointsCommand,
  DescribeAvailabilityZonesCommand,
  DescribeInstanceTypeOfferingsCommand,
  DescribeNetworkInterfacesCommand,
  DescribeRouteTablesCommand,
  DescribeSubnetsCommand,
  DescribeVpcEndpointsCommand,
  DetachInternetGatewayCommand,
  DisassociateRouteTableCommand,
  ModifyAvailabilityZoneGroupCommand,
  ModifySubnetAttributeCommand,
  ReplaceRouteCommand,
  RevokeSecurityGroupEgressCommand,
  type RouteTable,
  RunInstancesCommand,
  type RunInstancesCommandInput,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { DescribeInstanceInformationCommand } from "@aws-sdk/client-ssm";
import { beforeEach, describe, expect, it } from "vitest";
import { type BatchLab, batchLab } from "./batch-lab.ts";
import { codeOf } from "./memory.ts";
import { baseImage, place, profile, type ServiceLab, SSM_CORE, serviceLab } from "./service-lab.ts";

const MINUTE = 60;
const EVERYWHERE = "0.0.0.0/0";
const ALL = [{ IpProtocol: "-1", IpRanges: [{ CidrIp: EVERYWHERE }] }];
const https = (to: object) => [{ IpProtocol: "tcp", FromPort: 443, ToPort: 443, ...to }];

let lab: ServiceLab;
let profileArn: string;

beforeEach(async () => {
  lab = serviceLab();
  profileArn = await profile(lab, "builder", [SSM_CORE]);
});

/** Starts an instance, and says whether its agent is Online some minutes later. */
async function isHeard(input: Partial<RunInstancesCommandInput> = {}): Promise<boolean> {
  const asked: RunInstancesCommandInput = {
    ...{ ImageId: await baseImage(lab), InstanceType: "t3.micro", MinCount: 1, MaxCount: 1 },
    IamInstanceProfile: { Arn: profileArn },
    ...input,
  };
  const { Instances } = await lab.ec2.send(new RunInstancesCommand(asked));
  const id = Instances![0]!.InstanceId!;
  lab.pass(45);
  // As one who waits does: the agent is looked for while it comes up.
  await agents();
  lab.pass(4 * MINUTE);
  const heard = (await agents()).includes(id);
  await lab.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
  return heard;
}

async function agents(): Promise<readonly (string | undefined)[]> {
  const { InstanceInformationList = [] } = await lab.ssm.send(new DescribeInstanceInformationCommand({}));
  return InstanceInformationList.map(({ InstanceId }) => InstanceId);
}

async function group(vpcId?: string): Promise<string> {
  lab.pass(1);
  const asked = { GroupName: `g${lab.clock.now()}`, Description: "d", VpcId: vpcId };
  return (await lab.ec2.send(new CreateSecurityGroupCommand(asked))).GroupId!;
}

/** A table of its own for a subnet: it leads nowhere. */
async function isolate(SubnetId: string, VpcId: string): Promise<string> {
  const { RouteTable: made } = await lab.ec2.send(new CreateRouteTableCommand({ VpcId }));
  await lab.ec2.send(new AssociateRouteTableCommand({ RouteTableId: made!.RouteTableId, SubnetId }));
  return made!.RouteTableId!;
}

async function privatePlace(): Promise<{ subnetId: string; vpcId: string; table: RouteTable }> {
  const Filters = [{ Name: "tag:Name", Values: ["private-us-east-1a"] }];
  const { Subnets } = await lab.ec2.send(new DescribeSubnetsCommand({ Filters }));
  const { SubnetId = "", VpcId = "" } = Subnets![0]!;
  const ofVpc = [
    { Name: "vpc-id", Values: [VpcId] },
    { Name: "association.main", Values: ["true"] },
  ];
  const { RouteTables } = await lab.ec2.send(new DescribeRouteTablesCommand({ Filters: ofVpc }));
  return { subnetId: SubnetId, vpcId: VpcId, table: RouteTables![0]! };
}

async function endpoint(vpcId: string, service: string, more: object): Promise<string> {
  const ServiceName = `com.amazonaws.${lab.region}.${service}`;
  const { VpcEndpoint } = await lab.ec2.send(new CreateVpcEndpointCommand({ VpcId: vpcId, ServiceName, ...more }));
  return VpcEndpoint!.VpcEndpointId!;
}

describe("an agent", () => {
  it("is heard from a public subnet and from behind NAT", async () => {
    expect(await isHeard()).toBe(true);
    expect(await isHeard({ SubnetId: (await privatePlace()).subnetId })).toBe(true);
  });

  it("is not heard without a public address behind an internet gateway", async () => {
    const { subnetId } = await place(lab);
    await lab.ec2.send(new ModifySubnetAttributeCommand({ SubnetId: subnetId, MapPublicIpOnLaunch: { Value: false } }));
    expect(await isHeard({ SubnetId: subnetId })).toBe(false);
    const NetworkInterfaces = [{ DeviceIndex: 0, SubnetId: subnetId, AssociatePublicIpAddress: true }];
    expect(await isHeard({ NetworkInterfaces })).toBe(true);
  });

  it("is not heard without a route out, nor through a gateway that is gone", async () => {
    const { subnetId, vpcId, table } = await privatePlace();
    const { NatGatewayId } = table.Routes!.find((route) => route.NatGatewayId)!;
    const own = await isolate(subnetId, vpcId);
    expect(await isHeard({ SubnetId: subnetId })).toBe(false);
    const route = { RouteTableId: own, DestinationCidrBlock: EVERYWHERE };
    await lab.ec2.send(new CreateRouteCommand({ ...route, NatGatewayId: NatGatewayId! }));
    expect(await isHeard({ SubnetId: subnetId })).toBe(true);
    await lab.ec2.send(new DeleteNatGatewayCommand({ NatGatewayId: NatGatewayId! }));
    expect(await isHeard({ SubnetId: subnetId })).toBe(false);
    const { RouteTables } = await lab.ec2.send(new DescribeRouteTablesCommand({ RouteTableIds: [own] }));
    expect(RouteTables?.[0]?.Routes).toContainEqual(expect.objectContaining({ NatGatewayId, State: "blackhole" }));
    await lab.ec2.send(new ReplaceRouteCommand({ ...route, TransitGatewayId: "tgw-0123456789abcdef0" }));
    expect(await isHeard({ SubnetId: subnetId })).toBe(true);
  });

  it("is not heard when its groups let nothing out, and is with HTTPS alone", async () => {
    const GroupId = await group();
    await lab.ec2.send(new RevokeSecurityGroupEgressCommand({ GroupId, IpPermissions: ALL }));
    expect(await isHeard({ SecurityGroupIds: [GroupId] })).toBe(false);
    const within = https({ UserIdGroupPairs: [{ GroupId }] });
    await lab.ec2.send(new AuthorizeSecurityGroupEgressCommand({ GroupId, IpPermissions: within }));
    expect(await isHeard({ SecurityGroupIds: [GroupId] })).toBe(false);
    const out = https({ IpRanges: [{ CidrIp: EVERYWHERE }] });
    await lab.ec2.send(new AuthorizeSecurityGroupEgressCommand({ GroupId, IpPermissions: out }));
    expect(await isHeard({ SecurityGroupIds: [GroupId] })).toBe(true);
  });

  it("is heard without a way out through endpoints, if they let it in", async () => {
    const { subnetId, vpcId } = await privatePlace();
    await isolate(subnetId, vpcId);
    const [machines, doors] = [await group(vpcId), await group(vpcId)];
    const more = { VpcEndpointType: "Interface", SubnetIds: [subnetId], SecurityGroupIds: [doors] };
    await endpoint(vpcId, "ssm", more);
    const machine = { SubnetId: subnetId, SecurityGroupIds: [machines] };
    lab.pass(3 * MINUTE);
    expect(await isHeard(machine)).toBe(false);
    await endpoint(vpcId, "ssmmessages", more);
    lab.pass(3 * MINUTE);
    expect(await isHeard(machine)).toBe(false);
    const IpPermissions = https({ UserIdGroupPairs: [{ GroupId: machines }] });
    await lab.ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId: doors, IpPermissions }));
    expect(await isHeard(machine)).toBe(true);
  });

  it("is led to an endpoint by the service's name, even where there is another way out", async () => {
    const { subnetId, vpcId } = await privatePlace();
    const more = { VpcEndpointType: "Interface", SubnetIds: [subnetId], SecurityGroupIds: [await group(vpcId)] };
    const id = await endpoint(vpcId, "ssm", more);
    expect(await codeOf(endpoint(vpcId, "ssm", more))).toBe("InvalidParameter");
    lab.pass(3 * MINUTE);
    expect(await isHeard({ SubnetId: subnetId })).toBe(false);
    await lab.ec2.send(new DeleteVpcEndpointsCommand({ VpcEndpointIds: [id] }));
    lab.pass(MINUTE);
    expect(await isHeard({ SubnetId: subnetId })).toBe(true);
  });
});

describe("a node", () => {
  let batch: BatchLab;

  async function cutOff(): Promise<void> {
    const asked = { GroupId: batch.groupId, IpPermissions: ALL };
    await lab.ec2.send(new RevokeSecurityGroupEgressCommand(asked));
  }

  it("out of reach of ECS never joins: the job stays RUNNABLE, and its environment becomes INVALID", async () => {
    batch = await batchLab(lab);
    await batch.define();
    await cutOff();
    const id = await batch.submit();
    lab.pass(10 * MINUTE);
    expect(await batch.job(id)).toMatchObject({ status: "RUNNABLE" });
    lab.pass(15 * MINUTE);
    expect(await batch.environment()).toMatchObject({
      status: "INVALID",
      statusReason: expect.stringMatching(
        /^CLIENT_ERROR - .* INVALIDATED and scaled down because none of the instances/,
      ),
    });
    expect(await batch.job(id)).toMatchObject({ status: "RUNNABLE" });
  });

  it("that reaches ECS only joins, and cannot pull what its jobs run", async () => {
    const { subnetId, vpcId } = await privatePlace();
    const own = await isolate(subnetId, vpcId);
    const securityGroupIds = [await group(vpcId)];
    const more = { VpcEndpointType: "Interface", SubnetIds: [subnetId], SecurityGroupIds: securityGroupIds };
    const IpPermissions = https({ UserIdGroupPairs: [{ GroupId: securityGroupIds[0]! }] });
    await lab.ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId: securityGroupIds[0]!, IpPermissions }));
    for (const service of ["ecs", "ecs-agent", "ecs-telemetry"]) await endpoint(vpcId, service, more);
    batch = await batchLab(lab, { subnets: [subnetId], securityGroupIds });
    lab.pass(3 * MINUTE);
    const host = `123456789012.dkr.ecr.${lab.region}.amazonaws.com`;
    await batch.define({ image: `${host}/lab:1` });
    const reasonOf = async () => {
      const id = await batch.submit();
      lab.pass(9 * MINUTE);
      return (await batch.job(id)).attempts?.[0]?.container?.reason;
    };
    expect(await reasonOf()).toMatch(/^CannotPullECRContainerError: .*api\.ecr\.us-east-1\.amazonaws\.com/);
    await endpoint(vpcId, "ecr.api", more);
    await endpoint(vpcId, "ecr.dkr", more);
    lab.pass(3 * MINUTE);
    expect(await reasonOf()).toMatch(/^CannotPullContainerError: .*\.dkr\.ecr\..*Client\.Timeout/);
    await endpoint(vpcId, "s3", { VpcEndpointType: "Gateway", RouteTableIds: [own] });
    expect(await reasonOf()).toMatch(/manifest for .* not found/);
    await batch.define();
    expect(await reasonOf()).toMatch(/"https:\/\/public\.ecr\.aws\/v2\/": .*Client\.Timeout/);
  });
});

describe("a network", () => {
  it("shows an endpoint's interfaces, and its route in the tables it serves", async () => {
    const { subnetId, vpcId, table } = await privatePlace();
    const gateway = await endpoint(vpcId, "s3", { RouteTableIds: [table.RouteTableId!] });
    const id = await endpoint(vpcId, "logs", { VpcEndpointType: "Interface", SubnetIds: [subnetId] });
    const { VpcEndpoints } = await lab.ec2.send(new DescribeVpcEndpointsCommand({}));
    expect(Object.fromEntries(VpcEndpoints!.map((each) => [each.VpcEndpointId, each.State]))).toEqual({
      [gateway]: "available",
      [id]: "pending",
    });
    const Filters = [{ Name: "subnet-id", Values: [subnetId] }];
    const { NetworkInterfaces } = await lab.ec2.send(new DescribeNetworkInterfacesCommand({ Filters }));
    expect(NetworkInterfaces).toMatchObject([
      { InterfaceType: "vpc_endpoint", RequesterManaged: true, Description: `VPC Endpoint Interface ${id}` },
    ]);
    const { RouteTables } = await lab.ec2.send(
      new DescribeRouteTablesCommand({ RouteTableIds: [table.RouteTableId!] }),
    );
    expect(RouteTables?.[0]?.Routes?.at(-1)).toMatchObject({
      DestinationPrefixListId: expect.stringMatching(/^pl-/),
      GatewayId: gateway,
    });
    expect(await codeOf(endpoint(vpcId, "s4", {}))).toBe("InvalidServiceName");
  });

  it("lets subnets and tables be made, joined and removed, and refuses to remove what is used", async () => {
    const { vpcId } = await place(lab);
    const { Subnet } = await lab.ec2.send(new CreateSubnetCommand({ VpcId: vpcId, CidrBlock: "172.31.200.0/24" }));
    const SubnetId = Subnet!.SubnetId!;
    const again = new CreateSubnetCommand({ VpcId: vpcId, CidrBlock: "172.31.200.128/25" });
    expect(await codeOf(lab.ec2.send(again))).toBe("InvalidSubnet.Conflict");
    const RouteTableId = await isolate(SubnetId, vpcId);
    const remove = () => lab.ec2.send(new DeleteRouteTableCommand({ RouteTableId }));
    expect(await codeOf(remove())).toBe("DependencyViolation");
    const { RouteTables } = await lab.ec2.send(new DescribeRouteTablesCommand({ RouteTableIds: [RouteTableId] }));
    const AssociationId = RouteTables![0]!.Associations![0]!.RouteTableAssociationId!;
    await lab.ec2.send(new DisassociateRouteTableCommand({ AssociationId }));
    await remove();
    await lab.ec2.send(new DeleteSubnetCommand({ SubnetId }));
    const gone = new DeleteSubnetCommand({ SubnetId });
    expect(await codeOf(lab.ec2.send(gone))).toBe("InvalidSubnetID.NotFound");
  });

  it("refuses routes that are there, that lead nowhere, and that are not there", async () => {
    const { table } = await privatePlace();
    const route = { RouteTableId: table.RouteTableId!, DestinationCidrBlock: EVERYWHERE };
    const create = (target: object) => codeOf(lab.ec2.send(new CreateRouteCommand({ ...route, ...target })));
    expect(await create({ TransitGatewayId: "tgw-0123456789abcdef0" })).toBe("RouteAlreadyExists");
    await lab.ec2.send(new DeleteRouteCommand(route));
    expect(await codeOf(lab.ec2.send(new DeleteRouteCommand(route)))).toBe("InvalidRoute.NotFound");
    expect(await create({ NatGatewayId: "nat-0123456789abcdef0" })).toBe("InvalidNatGatewayID.NotFound");
    expect(await create({ GatewayId: "igw-0123456789abcdef0" })).toBe("InvalidInternetGatewayID.NotFound");
  });

  it("keeps its gateway while addresses are mapped through it", async () => {
    const { vpcId } = await place(lab);
    await isHeard();
    const { RouteTables } = await lab.ec2.send(
      new DescribeRouteTablesCommand({ Filters: [{ Name: "vpc-id", Values: [vpcId] }] }),
    );
    const InternetGatewayId = RouteTables![0]!.Routes!.find(({ GatewayId }) => GatewayId?.startsWith("igw-"))!
      .GatewayId!;
    const detach = () => lab.ec2.send(new DetachInternetGatewayCommand({ InternetGatewayId, VpcId: vpcId }));
    expect(await codeOf(detach())).toBe("DependencyViolation");
    lab.pass(3 * MINUTE);
    await detach();
  });
});

describe("a local zone", () => {
  it("is shown and can have subnets once its group is switched on, and offers few types", async () => {
    const zones = async (all = false) => {
      const asked = new DescribeAvailabilityZonesCommand({ AllAvailabilityZones: all });
      const { AvailabilityZones = [] } = await lab.ec2.send(asked);
      return AvailabilityZones.filter(({ ZoneType }) => ZoneType === "local-zone").map((zone) => [
        ...[zone.ZoneName, zone.OptInStatus, zone.ZoneId],
      ]);
    };
    const { vpcId } = await place(lab);
    const subnet = () => {
      const AvailabilityZone = "us-east-1-atl-1a";
      return lab.ec2.send(new CreateSubnetCommand({ VpcId: vpcId, CidrBlock: "172.31.192.0/20", AvailabilityZone }));
    };
    expect(await zones()).toEqual([]);
    expect(await zones(true)).toContainEqual(["us-east-1-atl-1a", "not-opted-in", "use1-atl1-az1"]);
    expect(await codeOf(subnet())).toBe("InvalidParameterValue");
    const OptInStatus = "opted-in";
    await lab.ec2.send(new ModifyAvailabilityZoneGroupCommand({ GroupName: "us-east-1-atl-1", OptInStatus }));
    expect(await zones()).toEqual([["us-east-1-atl-1a", "opted-in", "use1-atl1-az1"]]);
    expect((await subnet()).Subnet).toMatchObject({ AvailabilityZone: "us-east-1-atl-1a" });
    const { InstanceTypeOfferings } = await lab.ec2.send(
      new DescribeInstanceTypeOfferingsCommand({
        LocationType: "availability-zone",
        Filters: [{ Name: "location", Values: ["us-east-1-atl-1a"] }],
      }),
    );
    const families = new Set(InstanceTypeOfferings!.map(({ InstanceType }) => InstanceType!.split(".")[0]));
    expect([...families].sort()).toEqual(["c5", "c5d", "m5", "r5", "t3"]);
  });
});
