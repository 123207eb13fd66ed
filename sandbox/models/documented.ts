import type { Model } from "../model.ts";

/** What AWS's pages say of members and its models do not, or say otherwise. By service; each takes the models' place. */
export const DOCUMENTED: Readonly<Record<string, Model>> = {
  // https://docs.aws.amazon.com/batch/latest/APIReference
  batch: {
    operations: {
      CancelJob: "CancelJobRequest",
      CancelJobs: "CancelJobsRequest",
      DescribeJobs: "DescribeJobsRequest",
      TerminateJob: "CancelJobRequest",
      TerminateJobs: "CancelJobsRequest",
    },
    shapes: {
      CancelJobRequest: { members: { reason: "Reason" } },
      CancelJobsRequest: { members: { jobs: "JobIds", reason: "Reason" } },
      ComputeResource: { members: { bidPercentage: "Percentage", subnets: "Subnets" } },
      ComputeResourceUpdate: { members: { bidPercentage: "Percentage", subnets: "Subnets" } },
      CreateComputeEnvironmentRequest: { members: { computeEnvironmentName: "Name" } },
      CreateJobQueueRequest: { members: { jobQueueName: "Name", priority: "Priority" } },
      DescribeJobsRequest: { members: { jobs: "DescribedJobs" } },
      RegisterJobDefinitionRequest: { members: { jobDefinitionName: "Name" } },
      SubmitJobRequest: { members: { jobName: "JobName" } },
      UpdateJobQueueRequest: { members: { priority: "Priority" } },
      DescribedJobs: { max: 100 },
      JobIds: { min: 1, max: 50 },
      JobName: { pattern: "[A-Za-z0-9][A-Za-z0-9_-]*", min: 1, max: 128 },
      Name: { pattern: "[A-Za-z0-9_-]+", min: 1, max: 128 },
      Percentage: { min: 1, max: 100 },
      Priority: { min: 0, max: 1000 },
      Reason: { min: 1, max: 1024 },
      // "The values aren't case sensitive."
      RetryAction: { pattern: "(?i)(RETRY|EXIT)" },
      Subnets: { min: 1, max: 16 },
      // Newer than the models.
      CRType: { enum: ["EC2", "SPOT", "FARGATE", "FARGATE_SPOT", "ECS_MANAGED_INSTANCES"] },
      PlatformCapability: { enum: ["EC2", "FARGATE", "MANAGED_INSTANCES"] },
    },
  },
  // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceMetadataOptionsRequest.html and API_CreateImage.html
  ec2: {
    operations: {},
    shapes: {
      InstanceMetadataOptionsRequest: { members: { HttpPutResponseHopLimit: "HopLimit" } },
      LaunchTemplateInstanceMetadataOptionsRequest: { members: { HttpPutResponseHopLimit: "HopLimit" } },
      HopLimit: { min: 1, max: 64 },
    },
  },
  // https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html, at tags
  ecr: {
    operations: { TagResource: "TagResourceRequest" },
    shapes: {
      CreateRepositoryRequest: { members: { tags: "TagList" } },
      TagResourceRequest: { members: { tags: "TagList" } },
      TagList: { items: "Tag" },
      Tag: { members: { Key: "TagKey", Value: "TagValue" } },
      TagKey: { min: 1, max: 128 },
      TagValue: { max: 256 },
    },
  },
  // https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html: at most 1 MB each
  logs: { operations: {}, shapes: { EventMessage: { min: 1, max: 1_048_576 } } },
  // https://docs.aws.amazon.com/systems-manager/latest/APIReference: API_GetParametersByPath.html, API_CloudWatchOutputConfig.html
  ssm: {
    operations: {},
    shapes: {
      GetParametersByPathRequest: { members: { Path: "ParameterPath" } },
      ParameterPath: { pattern: "/.*", min: 1, max: 2048 },
      CloudWatchLogGroupName: { pattern: "[\\.\\-_/#A-Za-z0-9]+", min: 1, max: 512 },
    },
  },
};
