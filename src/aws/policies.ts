import { logGroupOf } from "./tags.ts";

/** Policy documents, as narrow as the work allows. ARNs carry the partition that STS names: `aws-cn` in China. */

export interface ArnScope {
  readonly partition: string;
  readonly region: string;
  readonly account: string;
}

export interface PolicyDocument {
  readonly Version: "2012-10-17";
  readonly Statement: readonly Statement[];
}

interface Allowed {
  readonly Effect: "Allow";
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
}

interface Denied {
  readonly Effect: "Deny";
  readonly Action: readonly string[];
  readonly NotResource: readonly string[];
}

type Statement = Allowed | Denied;

/** An AWS managed policy, by its name with its path: service-role/AmazonEC2ContainerServiceforEC2Role. */
export function managedPolicy({ partition }: ArnScope, name: string): string {
  return `arn:${partition}:iam::aws:policy/${name}`;
}

/** The environment's own log group. */
export function logGroupArn({ partition, region, account }: ArnScope, name: string): string {
  return `arn:${partition}:logs:${region}:${account}:log-group:${logGroupOf(name)}`;
}

export function repositoryArn({ partition, region, account }: ArnScope, repositoryName: string): string {
  return `arn:${partition}:ecr:${region}:${account}:repository/${repositoryName}`;
}

/**
 * What the SSM agent needs to send a command's output to one log group. It always asks to create the group first, and
 * sends nothing unless AWS answers that it exists: https://github.com/aws/amazon-ssm-agent (iohandler.go).
 */
export function writeLogs(groupArn: string): readonly Allowed[] {
  return [
    allow(
      ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
      [groupArn, `${groupArn}:*`],
    ),
    allow(["logs:DescribeLogGroups"], ["*"]),
  ];
}

/** What the SSM agent needs to take commands and sessions: not AWS's own policy, by which it may read every parameter. */
export function answerSystemsManager(): readonly Allowed[] {
  return [
    allow(
      [
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
        "ec2messages:AcknowledgeMessage",
        "ec2messages:DeleteMessage",
        "ec2messages:FailMessage",
        "ec2messages:GetEndpoint",
        "ec2messages:GetMessages",
        "ec2messages:SendReply",
      ],
      ["*"],
    ),
  ];
}

/**
 * Takes from AWS's own policy for container instances, which allows writing to every log: what stays is our group, and the
 * one that Batch's jobs write to where their definition names none.
 */
export function logNowhereElse(place: ArnScope, name: string): readonly Denied[] {
  const groups = [logGroupArn(place, name), logGroupArn(place, name).replace(/[^:]*$/, "/aws/batch/job")];
  const NotResource = groups.flatMap((group) => [group, `${group}:*`]);
  return [{ Effect: "Deny", Action: ["logs:CreateLogStream", "logs:PutLogEvents"], NotResource }];
}

/** Push to one repository; the login itself cannot be narrowed. */
export function pushTo(repository: string): readonly Allowed[] {
  return [
    { Effect: "Allow", Action: ["ecr:GetAuthorizationToken"], Resource: ["*"] },
    {
      Effect: "Allow",
      Action: [
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:CompleteLayerUpload",
        "ecr:DescribeImages",
        "ecr:GetDownloadUrlForLayer",
        "ecr:InitiateLayerUpload",
        "ecr:PutImage",
        "ecr:UploadLayerPart",
      ],
      Resource: [repository],
    },
  ];
}

/** Read from some buckets, read and write in others; nothing where no bucket is named. */
export function useBuckets(
  { partition }: ArnScope,
  { read, write }: { readonly read: readonly string[]; readonly write: readonly string[] },
): readonly Allowed[] {
  const arn = (bucket: string) => `arn:${partition}:s3:::${bucket}`;
  const readable = [...new Set([...read, ...write])].sort();
  const writable = [...new Set(write)].sort();
  return [
    ...(readable.length > 0
      ? [
          allow(["s3:GetBucketLocation", "s3:ListBucket"], readable.map(arn)),
          allow(
            ["s3:GetObject"],
            readable.map((bucket) => `${arn(bucket)}/*`),
          ),
        ]
      : []),
    ...(writable.length > 0
      ? [
          allow(
            ["s3:AbortMultipartUpload", "s3:PutObject"],
            writable.map((bucket) => `${arn(bucket)}/*`),
          ),
        ]
      : []),
  ];
}

/** Read one object; without s3:ListBucket one that is not there is answered like one that may not be read. */
export function readObject(
  { partition }: ArnScope,
  { bucket, key }: { readonly bucket: string; readonly key: string },
): readonly Allowed[] {
  return [allow(["s3:GetObject"], [`arn:${partition}:s3:::${bucket}/${key}`])];
}

/** Undefined where there is nothing to allow: IAM takes no empty policy. */
export function policy(...statements: readonly Statement[]): PolicyDocument | undefined {
  return statements.length === 0 ? undefined : { Version: "2012-10-17", Statement: statements };
}

function allow(Action: readonly string[], Resource: readonly string[]): Allowed {
  return { Effect: "Allow", Action, Resource };
}
