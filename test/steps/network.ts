import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  DescribeSubnetsCommand,
} from "@aws-sdk/client-ec2";
import {
  AddRoleToInstanceProfileCommand,
  AttachRolePolicyCommand,
  CreateInstanceProfileCommand,
  CreateRoleCommand,
  PutRolePolicyCommand,
} from "@aws-sdk/client-iam";
import { latestBaseImage } from "../../src/aws/facts.ts";
import { type InstanceInputs, instance } from "../../src/steps/instance.ts";
import { type Lab, make } from "./harness.ts";

/** A subnet of the default VPC, and a security group that lets Lustre through, old enough to be believed. */
export async function network({ cloud, clock }: Lab): Promise<{ subnetId: string; groupId: string; vpcId: string }> {
  const { Subnets } = await cloud.ec2.send(new DescribeSubnetsCommand({}));
  const { SubnetId: subnetId, VpcId: vpcId } = [...Subnets!].sort((a, b) => (a.SubnetId! < b.SubnetId! ? -1 : 1))[0]!;
  const group = { GroupName: "lab-group", Description: "lab", VpcId: vpcId };
  const { GroupId: groupId } = await cloud.ec2.send(new CreateSecurityGroupCommand(group));
  const self = { IpProtocol: "tcp", UserIdGroupPairs: [{ GroupId: groupId }] };
  await cloud.ec2.send(
    new AuthorizeSecurityGroupIngressCommand({
      GroupId: groupId,
      IpPermissions: [
        { ...self, FromPort: 988, ToPort: 988 },
        { ...self, FromPort: 1018, ToPort: 1023 },
      ],
    }),
  );
  await clock.sleep(60_000);
  return { subnetId: subnetId!, groupId: groupId!, vpcId: vpcId! };
}

/** An instance profile with a role that the SSM agent may use, old enough to be believed. */
export async function instanceProfile({ cloud, clock }: Lab): Promise<string> {
  const RoleName = "lab-builder";
  await cloud.iam.send(
    new CreateRoleCommand({
      RoleName,
      AssumeRolePolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" }],
      }),
    }),
  );
  await cloud.iam.send(
    new AttachRolePolicyCommand({ RoleName, PolicyArn: "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore" }),
  );
  await cloud.iam.send(
    new PutRolePolicyCommand({
      RoleName,
      PolicyName: "logs",
      PolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          { Effect: "Allow", Action: ["logs:Create*", "logs:Describe*", "logs:PutLogEvents"], Resource: "*" },
        ],
      }),
    }),
  );
  const { InstanceProfile } = await cloud.iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: RoleName }));
  await cloud.iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: RoleName, RoleName }));
  await clock.sleep(60_000);
  return InstanceProfile!.Arn!;
}

export async function builderInputs(world: Lab): Promise<InstanceInputs> {
  const { subnetId, groupId } = await network(world);
  return {
    imageId: await latestBaseImage(world.cloud, { os: "al2023", architecture: "x86_64" }),
    instanceType: "c5.large",
    subnetId,
    securityGroupIds: [groupId],
    instanceProfileArn: await instanceProfile(world),
    userData: "#!/bin/bash\n",
  };
}

/** A running instance that SSM can reach. */
export async function builder(world: Lab): Promise<string> {
  const { ref } = await make(world, instance, { inputs: await builderInputs(world), node: "builder" });
  return ref;
}
