import {
  DescribeImagesCommand,
  DescribeInstancesCommand,
  EC2Client,
  type Instance,
  RunInstancesCommand,
  type RunInstancesCommandInput,
} from "@aws-sdk/client-ec2";
import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  CreateRoleCommand,
  IAMClient,
} from "@aws-sdk/client-iam";
import { type Memory, memory } from "./memory.ts";

export interface Ec2Lab extends Memory {
  readonly ec2: EC2Client;
  readonly iam: IAMClient;
  /** Lets so many seconds pass. */
  pass(seconds: number): void;
  /** The newest ECS-optimized image for an architecture. */
  baseImage(architecture?: string): Promise<string>;
  run(input?: Partial<RunInstancesCommandInput>): Promise<Instance>;
  /** What Describe shows of an instance; undefined when nothing. */
  look(id: string): Promise<Instance | undefined>;
}

/** Longer than anything takes to be seen by everyone. */
export const SEEN_SECONDS = 5;

export function ec2Lab(region = "us-east-1"): Ec2Lab {
  const lab = memory();
  const ec2 = new EC2Client(lab.config(region));
  const baseImage = async (architecture = "x86_64") => {
    const name = { Name: "name", Values: [`al2023-ami-ecs-hvm-*-${architecture}`] };
    const { Images = [] } = await ec2.send(new DescribeImagesCommand({ Owners: ["amazon"], Filters: [name] }));
    return Images.sort((a, b) => (a.CreationDate! < b.CreationDate! ? 1 : -1))[0]!.ImageId!;
  };
  return {
    ...lab,
    ec2,
    iam: new IAMClient(lab.config(region)),
    pass: (seconds) => lab.clock.advance(seconds * 1000),
    baseImage,
    async run(input = {}) {
      const ImageId = input.ImageId ?? (await baseImage());
      const { Instances } = await ec2.send(
        new RunInstancesCommand({ InstanceType: "t3.micro", MinCount: 1, MaxCount: 1, ...input, ImageId }),
      );
      return Instances![0]!;
    },
    async look(id) {
      const filter = { Name: "instance-id", Values: [id] };
      const { Reservations } = await ec2.send(new DescribeInstancesCommand({ Filters: [filter] }));
      return Reservations?.[0]?.Instances?.[0];
    },
  };
}

/** A role in a profile of the same name, as young as can be. */
export async function makeProfile(iam: IAMClient, name: string, withRole = true): Promise<void> {
  const trust = {
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" }],
  };
  await iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: name }));
  if (!withRole) return;
  await iam.send(new CreateRoleCommand({ RoleName: name, AssumeRolePolicyDocument: JSON.stringify(trust) }));
  await iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: name, RoleName: name }));
}
