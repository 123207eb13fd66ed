/** AWS's own managed policies that people attach around Batch, FSx and EC2: what each allows, in short. */

type Grant = readonly [actions: readonly string[], resources?: readonly string[]];

interface ManagedPolicy {
  readonly path: string;
  readonly grants: readonly Grant[];
}

const ECR_PULL = [
  "ecr:GetAuthorizationToken",
  "ecr:BatchCheckLayerAvailability",
  "ecr:GetDownloadUrlForLayer",
  "ecr:BatchGetImage",
];
const ECR_READ = [
  ...ECR_PULL,
  "ecr:GetRepositoryPolicy",
  "ecr:DescribeRepositories",
  "ecr:ListImages",
  "ecr:DescribeImages",
  "ecr:GetLifecyclePolicy",
  "ecr:GetLifecyclePolicyPreview",
  "ecr:ListTagsForResource",
  "ecr:DescribeImageScanFindings",
];
const ECR_PUSH = ["ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage"];
const LOG_WRITE = ["logs:CreateLogStream", "logs:PutLogEvents"];
const SSM_CORE = [
  "ssm:DescribeAssociation",
  "ssm:GetDeployablePatchSnapshotForInstance",
  "ssm:GetDocument",
  "ssm:DescribeDocument",
  "ssm:GetManifest",
  "ssm:GetParameter",
  "ssm:GetParameters",
  "ssm:ListAssociations",
  "ssm:ListInstanceAssociations",
  "ssm:PutInventory",
  "ssm:PutComplianceItems",
  "ssm:PutConfigurePackageResult",
  "ssm:UpdateAssociationStatus",
  "ssm:UpdateInstanceAssociationStatus",
  "ssm:UpdateInstanceInformation",
  "ssmmessages:*",
  "ec2messages:*",
];

function plain(...grants: readonly Grant[]): ManagedPolicy {
  return { path: "/", grants };
}

function serviceRole(...grants: readonly Grant[]): ManagedPolicy {
  return { path: "/service-role/", grants };
}

const POLICIES: Readonly<Record<string, ManagedPolicy>> = {
  AdministratorAccess: plain([["*"]]),
  AmazonDynamoDBFullAccess: plain([["dynamodb:*"]]),
  AmazonDynamoDBReadOnlyAccess: plain([["dynamodb:Describe*", "dynamodb:Get*", "dynamodb:List*", "dynamodb:Query"]]),
  AmazonEC2ContainerRegistryFullAccess: plain([["ecr:*"]]),
  AmazonEC2ContainerRegistryPowerUser: plain([[...ECR_READ, ...ECR_PUSH]]),
  AmazonEC2ContainerRegistryPullOnly: plain([[...ECR_PULL, "ecr:BatchImportUpstreamImage"]]),
  AmazonEC2ContainerRegistryReadOnly: plain([ECR_READ]),
  AmazonEC2FullAccess: plain([["ec2:*", "elasticloadbalancing:*", "cloudwatch:*", "autoscaling:*"]]),
  AmazonEC2ReadOnlyAccess: plain([["ec2:Describe*", "ec2:Get*"]]),
  AmazonECS_FullAccess: plain([["ecs:*"]]),
  AmazonFSxFullAccess: plain([["fsx:*"]]),
  AmazonFSxReadOnlyAccess: plain([["fsx:Describe*", "fsx:ListTagsForResource"]]),
  AmazonS3FullAccess: plain([["s3:*", "s3-object-lambda:*"]]),
  AmazonS3ReadOnlyAccess: plain([["s3:Get*", "s3:List*", "s3:Describe*"]]),
  AmazonSSMFullAccess: plain([["ssm:*", "cloudwatch:PutMetricData", "ec2:DescribeInstanceStatus"]]),
  AmazonSSMManagedInstanceCore: plain([SSM_CORE]),
  AmazonSSMReadOnlyAccess: plain([["ssm:Describe*", "ssm:Get*", "ssm:List*"]]),
  AWSBatchFullAccess: plain([["batch:*"]]),
  CloudWatchAgentServerPolicy: plain([
    [...LOG_WRITE, "logs:CreateLogGroup", "logs:DescribeLogStreams", "logs:DescribeLogGroups"],
  ]),
  CloudWatchFullAccess: plain([["cloudwatch:*", "logs:*"]]),
  CloudWatchLogsFullAccess: plain([["logs:*"]]),
  IAMFullAccess: plain([["iam:*"]]),
  IAMReadOnlyAccess: plain([["iam:Get*", "iam:List*"]]),
  PowerUserAccess: plain([["ec2:*", "ecr:*", "ecs:*", "batch:*", "fsx:*", "logs:*", "s3:*", "ssm:*"]]),
  ReadOnlyAccess: plain([["ec2:Describe*", "ecr:Describe*", "fsx:Describe*", "logs:Get*", "s3:Get*", "s3:List*"]]),
  AmazonEC2ContainerServiceforEC2Role: serviceRole(
    [
      [
        "ec2:DescribeTags",
        "ecs:CreateCluster",
        "ecs:DeregisterContainerInstance",
        "ecs:DiscoverPollEndpoint",
        "ecs:Poll",
        "ecs:RegisterContainerInstance",
        "ecs:StartTelemetrySession",
        "ecs:UpdateContainerInstancesState",
        "ecs:Submit*",
        ...ECR_PULL,
        ...LOG_WRITE,
      ],
    ],
    [["ecs:TagResource"]],
  ),
  AmazonEC2SpotFleetTaggingRole: serviceRole([
    [
      "ec2:DescribeImages",
      "ec2:DescribeSubnets",
      "ec2:RequestSpotInstances",
      "ec2:TerminateInstances",
      "ec2:DescribeInstanceStatus",
      "ec2:CreateTags",
      "ec2:RunInstances",
    ],
  ]),
  AmazonECSTaskExecutionRolePolicy: serviceRole([[...ECR_PULL, ...LOG_WRITE]]),
  AWSBatchServiceEventTargetRole: serviceRole([["batch:SubmitJob"]]),
  AWSBatchServiceRole: serviceRole([["ec2:*", "autoscaling:*", "ecs:*", "logs:*", "iam:GetInstanceProfile"]]),
};

/** A managed policy's name in its ARN: `service-role/AmazonEC2ContainerServiceforEC2Role`. */
const BY_RESOURCE = new Map(
  Object.entries(POLICIES).map(([name, policy]) => [`${policy.path.slice(1)}${name}`, { name, ...policy }]),
);

export interface KnownPolicy {
  readonly name: string;
  readonly arn: string;
  readonly path: string;
  readonly document: string;
}

/** Undefined when AWS has no such policy in this partition. */
export function managedPolicy(arn: string, partition: string): KnownPolicy | undefined {
  const prefix = `arn:${partition}:iam::aws:policy/`;
  const known = arn.startsWith(prefix) ? BY_RESOURCE.get(arn.slice(prefix.length)) : undefined;
  if (known === undefined) return undefined;
  const Statement = known.grants.map(([Action, Resource = ["*"]]) => ({ Effect: "Allow", Action, Resource }));
  return { name: known.name, arn, path: known.path, document: JSON.stringify({ Version: "2012-10-17", Statement }) };
}

export function managedPolicyArns(partition: string): readonly string[] {
  return [...BY_RESOURCE.keys()].map((resource) => `arn:${partition}:iam::aws:policy/${resource}`);
}
