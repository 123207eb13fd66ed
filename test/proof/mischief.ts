import {
  DeregisterJobDefinitionCommand,
  DescribeJobDefinitionsCommand,
  UpdateComputeEnvironmentCommand,
  UpdateJobQueueCommand,
} from "@aws-sdk/client-batch";
import { DeleteLogGroupCommand, PutRetentionPolicyCommand } from "@aws-sdk/client-cloudwatch-logs";
import {
  AuthorizeSecurityGroupIngressCommand,
  DeleteLaunchTemplateCommand,
  DeregisterImageCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  DescribeLaunchTemplatesCommand,
  DescribeSecurityGroupsCommand,
  RevokeSecurityGroupIngressCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { BatchDeleteImageCommand, DeleteLifecyclePolicyCommand, ListImagesCommand } from "@aws-sdk/client-ecr";
import {
  DeleteRolePolicyCommand,
  DetachRolePolicyCommand,
  RemoveRoleFromInstanceProfileCommand,
} from "@aws-sdk/client-iam";
import type { Cloud } from "../../src/aws/clients.ts";

const OURS = [{ Name: "tag:bootstrap:env", Values: ["demux"] }];
const ROLE = "demux-us-east-1";

/** What people do by hand behind the tool's back. Each may find nothing to do it to. */
export const MISCHIEF: Readonly<Record<string, (cloud: Cloud) => Promise<unknown>>> = {
  async "terminates the builders"({ ec2 }) {
    const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand({ Filters: OURS }));
    const InstanceIds = Reservations.flatMap(({ Instances = [] }) =>
      Instances.map(({ InstanceId = "" }) => InstanceId),
    );
    if (InstanceIds.length > 0) await ec2.send(new TerminateInstancesCommand({ InstanceIds }));
  },
  async "closes the ports of Lustre"({ ec2 }) {
    const { SecurityGroups = [] } = await ec2.send(new DescribeSecurityGroupsCommand({ Filters: OURS }));
    for (const { GroupId, IpPermissions = [] } of SecurityGroups) {
      if (IpPermissions.length > 0) await ec2.send(new RevokeSecurityGroupIngressCommand({ GroupId, IpPermissions }));
    }
  },
  async "opens port 22 to everybody"({ ec2 }) {
    const { SecurityGroups = [] } = await ec2.send(new DescribeSecurityGroupsCommand({ Filters: OURS }));
    const ssh = { IpProtocol: "tcp", FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: "0.0.0.0/0" }] };
    for (const { GroupId } of SecurityGroups)
      await ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: [ssh] }));
  },
  async "deregisters the machine images"({ ec2 }) {
    const { Images = [] } = await ec2.send(new DescribeImagesCommand({ Owners: ["self"], Filters: OURS }));
    for (const { ImageId } of Images) await ec2.send(new DeregisterImageCommand({ ImageId }));
  },
  async "deletes the launch template"({ ec2 }) {
    const { LaunchTemplates = [] } = await ec2.send(new DescribeLaunchTemplatesCommand({ Filters: OURS }));
    for (const { LaunchTemplateId } of LaunchTemplates)
      await ec2.send(new DeleteLaunchTemplateCommand({ LaunchTemplateId }));
  },
  "takes the builder's rights away": ({ iam }) =>
    iam.send(new DeleteRolePolicyCommand({ RoleName: `${ROLE}-builder-role`, PolicyName: "bootstrap" })),
  "takes the nodes' rights away": ({ iam }) =>
    iam.send(
      new DetachRolePolicyCommand({
        RoleName: `${ROLE}-node-role`,
        PolicyArn: "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role",
      }),
    ),
  "takes the role out of the nodes' profile": ({ iam }) =>
    iam.send(
      new RemoveRoleFromInstanceProfileCommand({
        InstanceProfileName: `${ROLE}-node-profile`,
        RoleName: `${ROLE}-node-role`,
      }),
    ),
  "switches the queue off": ({ batch }) =>
    batch.send(new UpdateJobQueueCommand({ jobQueue: "demux", state: "DISABLED" })),
  "switches the compute environment off": ({ batch }) =>
    batch.send(new UpdateComputeEnvironmentCommand({ computeEnvironment: "demux", state: "DISABLED" })),
  async "deregisters the job definition"({ batch }) {
    const { jobDefinitions = [] } = await batch.send(new DescribeJobDefinitionsCommand({ status: "ACTIVE" }));
    for (const { jobDefinitionArn } of jobDefinitions)
      await batch.send(new DeregisterJobDefinitionCommand({ jobDefinition: jobDefinitionArn }));
  },
  async "empties the repository"({ ecr }) {
    const repositoryName = "demux/bcl2fastq";
    const { imageIds = [] } = await ecr.send(new ListImagesCommand({ repositoryName }));
    if (imageIds.length > 0) await ecr.send(new BatchDeleteImageCommand({ repositoryName, imageIds }));
  },
  "deletes the repository's rules": ({ ecr }) =>
    ecr.send(new DeleteLifecyclePolicyCommand({ repositoryName: "demux/bcl2fastq" })),
  "deletes the logs": ({ logs }) => logs.send(new DeleteLogGroupCommand({ logGroupName: "/bootstrap/demux" })),
  "keeps the logs for a day": ({ logs }) =>
    logs.send(new PutRetentionPolicyCommand({ logGroupName: "/bootstrap/demux", retentionInDays: 1 })),
};
