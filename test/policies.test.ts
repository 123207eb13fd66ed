import { describe, expect, it } from "vitest";
import {
  type ArnScope,
  answerSystemsManager,
  logGroupArn,
  logNowhereElse,
  managedPolicy,
  policy,
  pushTo,
  readObject,
  repositoryArn,
  useBuckets,
  writeLogs,
} from "../src/aws/policies.ts";

const VIRGINIA: ArnScope = { partition: "aws", region: "us-east-1", account: "111122223333" };
const NINGXIA: ArnScope = { partition: "aws-cn", region: "cn-northwest-1", account: "444455556666" };
const NOTHING = { read: [], write: [] };

const actions = (statements: readonly { readonly Action: readonly string[] }[]) =>
  statements.flatMap(({ Action }) => Action);

describe("ARNs", () => {
  it("carry the partition of the caller, in China too", () => {
    expect(managedPolicy(NINGXIA, "service-role/AmazonEC2ContainerServiceforEC2Role")).toBe(
      "arn:aws-cn:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role",
    );
    expect(logGroupArn(NINGXIA, "demux")).toBe(
      "arn:aws-cn:logs:cn-northwest-1:444455556666:log-group:/bootstrap/demux",
    );
    expect(repositoryArn(VIRGINIA, "demux/bcl2fastq")).toBe(
      "arn:aws:ecr:us-east-1:111122223333:repository/demux/bcl2fastq",
    );
  });
});

describe("a builder may", () => {
  it("write to its own log group alone, and only look for it among all", () => {
    const group = logGroupArn(VIRGINIA, "demux");
    const statements = writeLogs(group);
    for (const { Action, Resource } of statements) {
      expect(Resource).toEqual(Action.includes("logs:DescribeLogGroups") ? ["*"] : [group, `${group}:*`]);
    }
    // The agent does not stream at all where it may not ask to create the group that is there.
    expect(actions(statements)).toEqual(
      expect.arrayContaining(["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]),
    );
  });

  it("be reached by Systems Manager, and reads no parameter and no document", () => {
    const [reached, ...more] = answerSystemsManager();
    expect(more).toEqual([]);
    expect(reached!.Action.filter((action) => !/^(ssm|ec2)messages:/.test(action))).toEqual([
      "ssm:UpdateInstanceInformation",
    ]);
    expect(reached!.Action.join(" ")).not.toContain("*");
  });

  it("push to its one repository; only the login cannot be narrowed", () => {
    const repository = repositoryArn(VIRGINIA, "demux/bcl2fastq");
    const statements = pushTo(repository);
    expect(statements.filter(({ Resource }) => Resource.includes("*"))).toEqual([
      { Effect: "Allow", Action: ["ecr:GetAuthorizationToken"], Resource: ["*"] },
    ]);
    // What `docker push` needs: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
    expect(actions(statements.filter(({ Resource }) => Resource.includes(repository)))).toEqual(
      expect.arrayContaining([
        "ecr:BatchCheckLayerAvailability",
        "ecr:CompleteLayerUpload",
        "ecr:InitiateLayerUpload",
        "ecr:PutImage",
        "ecr:UploadLayerPart",
      ]),
    );
    expect(actions(statements).filter((action) => /Delete|SetRepositoryPolicy|Create/.test(action))).toEqual([]);
  });
});

describe("a job may", () => {
  const statements = useBuckets(NINGXIA, { read: ["runs", "both"], write: ["fastq", "both"] });
  const allowed = (action: string) =>
    statements.filter(({ Action }) => Action.includes(action)).flatMap(({ Resource }) => Resource);

  it("read from every bucket that is named, and write only where it is said", () => {
    expect(allowed("s3:GetObject")).toEqual([
      "arn:aws-cn:s3:::both/*",
      "arn:aws-cn:s3:::fastq/*",
      "arn:aws-cn:s3:::runs/*",
    ]);
    expect(allowed("s3:PutObject")).toEqual(["arn:aws-cn:s3:::both/*", "arn:aws-cn:s3:::fastq/*"]);
  });

  it("list the buckets themselves, which are named without their objects", () => {
    expect(allowed("s3:ListBucket")).toEqual(["arn:aws-cn:s3:::both", "arn:aws-cn:s3:::fastq", "arn:aws-cn:s3:::runs"]);
  });

  it("never delete an object", () => {
    expect(actions(statements).filter((action) => /Delete|\*/.test(action))).toEqual([]);
  });

  it("do the same whatever the order in the config, so that the order is no change", () => {
    expect(useBuckets(NINGXIA, { read: ["both", "runs"], write: ["both", "fastq"] })).toEqual(statements);
  });

  it("read alone where nothing is to be written, and nothing where no bucket is named", () => {
    expect(actions(useBuckets(VIRGINIA, { ...NOTHING, read: ["runs"] }))).not.toContain("s3:PutObject");
    expect(useBuckets(VIRGINIA, NOTHING)).toEqual([]);
  });
});

describe("a node", () => {
  it("writes to the environment's log group and to that of Batch's jobs, and to no other", () => {
    const groups = ["/bootstrap/demux", "/aws/batch/job"];
    expect(logNowhereElse(NINGXIA, "demux")).toEqual([
      {
        Effect: "Deny",
        Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
        NotResource: groups.flatMap((group) => {
          const arn = `arn:aws-cn:logs:cn-northwest-1:444455556666:log-group:${group}`;
          return [arn, `${arn}:*`];
        }),
      },
    ]);
  });
});

describe("a package in S3", () => {
  it("may be read by the builder, and nothing beside it", () => {
    expect(readObject(NINGXIA, { bucket: "lab", key: "illumina/one.rpm" })).toEqual([
      { Effect: "Allow", Action: ["s3:GetObject"], Resource: ["arn:aws-cn:s3:::lab/illumina/one.rpm"] },
    ]);
  });
});

describe("a policy", () => {
  it("holds its statements in order", () => {
    const [first, second] = pushTo("arn");
    expect(policy(first!, second!)).toEqual({ Version: "2012-10-17", Statement: [first, second] });
  });

  it("is none where there is nothing to allow, because IAM takes no empty one", () => {
    expect(policy(...useBuckets(VIRGINIA, NOTHING))).toBeUndefined();
  });
});
