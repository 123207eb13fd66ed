import { RegisterJobDefinitionCommand } from "@aws-sdk/client-batch";
import { CreateLaunchTemplateCommand, DescribeImagesCommand } from "@aws-sdk/client-ec2";
import { AttachRolePolicyCommand } from "@aws-sdk/client-iam";
import type { ComputeEnvironmentInputs } from "../../src/steps/compute-environment.ts";
import type { JobDefinitionInputs } from "../../src/steps/job-definition.ts";
import type { Lab } from "./harness.ts";
import { instanceProfile, network } from "./network.ts";

/** Everything a compute environment leans on, made and old enough to be believed. */
export async function computeInputs(world: Lab): Promise<ComputeEnvironmentInputs> {
  const { cloud } = world;
  const { subnetId, groupId } = await network(world);
  const instanceProfileArn = await instanceProfile(world);
  const PolicyArn = "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role";
  await cloud.iam.send(new AttachRolePolicyCommand({ RoleName: "lab-builder", PolicyArn }));
  const { LaunchTemplate } = await cloud.ec2.send(
    new CreateLaunchTemplateCommand({
      LaunchTemplateName: "lab",
      LaunchTemplateData: { MetadataOptions: { HttpTokens: "required" } },
    }),
  );
  const { Images } = await cloud.ec2.send(
    new DescribeImagesCommand({
      Owners: ["amazon"],
      Filters: [{ Name: "name", Values: ["al2023-ami-ecs-hvm-*-x86_64"] }],
    }),
  );
  return {
    purchase: "on-demand",
    instanceTypes: ["c5d.9xlarge"],
    minVcpus: 0,
    maxVcpus: 72,
    subnetIds: [subnetId],
    securityGroupIds: [groupId],
    instanceProfileArn,
    imageId: Images![0]!.ImageId!,
    imageType: "ECS_AL2023",
    launchTemplateId: LaunchTemplate!.LaunchTemplateId!,
    launchTemplateVersion: "1",
    jobTimeoutMinutes: 360,
  };
}

/** Busybox, asleep for an hour: needs nothing of ours. */
export async function sleepDefinition({ cloud }: Lab, vcpus: number): Promise<string> {
  const { jobDefinitionArn } = await cloud.batch.send(
    new RegisterJobDefinitionCommand({
      jobDefinitionName: "sleep",
      type: "container",
      containerProperties: {
        image: "public.ecr.aws/docker/library/busybox:latest",
        command: ["sleep", "3600"],
        resourceRequirements: [
          { type: "VCPU", value: `${vcpus}` },
          { type: "MEMORY", value: "512" },
        ],
      },
    }),
  );
  return jobDefinitionArn!;
}

export const splitJob: JobDefinitionInputs = {
  jobDefinitionName: "lab-bcl2fastq",
  image: `123456789012.dkr.ecr.us-east-1.amazonaws.com/lab/bcl2fastq@sha256:${"0".repeat(64)}`,
  vcpus: 32,
  memoryMiB: 64_000,
  jobRoleArn: "arn:aws:iam::123456789012:role/lab-us-east-1-job-role",
  command: ["split.py", "split", "Ref::run"],
  parameters: { run: "none" },
  environment: { SPLIT_SOURCE: "s3://runs" },
  volumes: [
    { name: "nvme", hostPath: "/data", containerPath: "/data" },
    { name: "lustre", hostPath: "/fsx", containerPath: "/fsx" },
  ],
  timeoutSeconds: 21_600,
  attempts: 2,
};
