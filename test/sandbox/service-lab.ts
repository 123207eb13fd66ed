import { BatchClient } from "@aws-sdk/client-batch";
import { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  DescribeSubnetsCommand,
  EC2Client,
  RunInstancesCommand,
} from "@aws-sdk/client-ec2";
import { ECRClient } from "@aws-sdk/client-ecr";
import { FSxClient } from "@aws-sdk/client-fsx";
import {
  AddRoleToInstanceProfileCommand,
  AttachRolePolicyCommand,
  CreateInstanceProfileCommand,
  CreateRoleCommand,
  IAMClient,
  PutRolePolicyCommand,
} from "@aws-sdk/client-iam";
import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import type { Service } from "../../sandbox/service.ts";
import { type Memory, memory } from "./memory.ts";

export interface ServiceLab extends Memory {
  readonly region: string;
  readonly partition: string;
  readonly batch: BatchClient;
  readonly ec2: EC2Client;
  readonly ecr: ECRClient;
  readonly fsx: FSxClient;
  readonly iam: IAMClient;
  readonly logs: CloudWatchLogsClient;
  readonly ssm: SSMClient;
  pass(seconds: number): void;
}

/** Every client of one region, on one AWS in this process. */
export function serviceLab(region = "us-east-1", seed = 1, services?: readonly Service[]): ServiceLab {
  const lab = memory({ seed, ...(services && { services }) });
  const config = lab.config(region);
  return {
    ...lab,
    region,
    partition: region.startsWith("cn-") ? "aws-cn" : "aws",
    batch: new BatchClient(config),
    ec2: new EC2Client(config),
    ecr: new ECRClient(config),
    fsx: new FSxClient(config),
    iam: new IAMClient(config),
    logs: new CloudWatchLogsClient(config),
    ssm: new SSMClient(config),
    pass: (seconds) => lab.clock.advance(seconds * 1000),
  };
}

export function trust(service: string): string {
  const Statement = [{ Effect: "Allow", Principal: { Service: service }, Action: "sts:AssumeRole" }];
  return JSON.stringify({ Version: "2012-10-17", Statement });
}

export function allow(Action: string | readonly string[], Resource = "*"): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action, Resource }] });
}

export const SSM_CORE = "AmazonSSMManagedInstanceCore";
export const ECS_NODE = "service-role/AmazonEC2ContainerServiceforEC2Role";

/** A role in a profile of its name, old enough to be used. */
export async function profile(
  lab: ServiceLab,
  name: string,
  managed: readonly string[],
  inline?: string,
): Promise<string> {
  const { iam, partition, pass } = lab;
  await iam.send(new CreateRoleCommand({ RoleName: name, AssumeRolePolicyDocument: trust("ec2.amazonaws.com") }));
  for (const policy of managed) {
    const PolicyArn = `arn:${partition}:iam::aws:policy/${policy}`;
    await iam.send(new AttachRolePolicyCommand({ RoleName: name, PolicyArn }));
  }
  if (inline !== undefined) {
    await iam.send(new PutRolePolicyCommand({ RoleName: name, PolicyName: "inline", PolicyDocument: inline }));
  }
  const { InstanceProfile } = await iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: name }));
  await iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: name, RoleName: name }));
  pass(31);
  return InstanceProfile!.Arn!;
}

/** A subnet of the default VPC whose zone has every type, and its VPC. */
export async function place({ ec2 }: ServiceLab): Promise<{ subnetId: string; vpcId: string }> {
  const { Subnets } = await ec2.send(
    new DescribeSubnetsCommand({ Filters: [{ Name: "default-for-az", Values: ["true"] }] }),
  );
  const [first] = Subnets!.sort((a, b) => (a.AvailabilityZone! < b.AvailabilityZone! ? -1 : 1));
  return { subnetId: first!.SubnetId!, vpcId: first!.VpcId! };
}

/** A security group that lets Lustre's servers talk among themselves, as young as can be. */
export async function lustreGroup(
  lab: ServiceLab,
  ports: readonly (readonly [number, number])[] = LNET,
): Promise<string> {
  const { vpcId } = await place(lab);
  const { GroupId } = await lab.ec2.send(
    new CreateSecurityGroupCommand({ GroupName: `lustre-${lab.clock.now()}`, Description: "d", VpcId: vpcId }),
  );
  for (const [FromPort, ToPort] of ports) {
    const IpPermissions = [{ IpProtocol: "tcp", FromPort, ToPort, UserIdGroupPairs: [{ GroupId: GroupId! }] }];
    await lab.ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId: GroupId!, IpPermissions }));
  }
  return GroupId!;
}

export const LNET = [
  [988, 988],
  [1018, 1023],
] as const;

export async function baseImage({ ssm }: ServiceLab): Promise<string> {
  const Name = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id";
  const { Parameter } = await ssm.send(new GetParameterCommand({ Name }));
  return Parameter!.Value!;
}

export async function runInstance(lab: ServiceLab, profileArn?: string): Promise<string> {
  const { Instances } = await lab.ec2.send(
    new RunInstancesCommand({
      ImageId: await baseImage(lab),
      InstanceType: "t3.micro",
      MinCount: 1,
      MaxCount: 1,
      ...(profileArn !== undefined && { IamInstanceProfile: { Arn: profileArn } }),
    }),
  );
  return Instances![0]!.InstanceId!;
}

/** AWS's own words when it refuses; fails when it does not. */
export async function wordsOf(answer: Promise<unknown>): Promise<string> {
  try {
    await answer;
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
  throw new Error("it was not refused");
}
