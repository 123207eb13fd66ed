import { CreateFileSystemCommand } from "@aws-sdk/client-fsx";
import {
  AddRoleToInstanceProfileCommand,
  AttachRolePolicyCommand,
  CreateInstanceProfileCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  CreateServiceLinkedRoleCommand,
  DeleteInstanceProfileCommand,
  DeletePolicyCommand,
  DeleteRoleCommand,
  DeleteServiceLinkedRoleCommand,
  DetachRolePolicyCommand,
  GetInstanceProfileCommand,
  GetPolicyCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  GetServiceLinkedRoleDeletionStatusCommand,
  ListAttachedRolePoliciesCommand,
  ListInstanceProfilesForRoleCommand,
  ListRolesCommand,
  type ListRolesCommandOutput,
  ListRoleTagsCommand,
  PutRolePermissionsBoundaryCommand,
  PutRolePolicyCommand,
  RemoveRoleFromInstanceProfileCommand,
  TagRoleCommand,
  UntagRoleCommand,
  UpdateAssumeRolePolicyCommand,
} from "@aws-sdk/client-iam";
import { beforeEach, describe, expect, it } from "vitest";
import { allow, place, type ServiceLab, serviceLab, trust, wordsOf } from "./service-lab.ts";

const SSM = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore";
let lab: ServiceLab;

beforeEach(() => {
  lab = serviceLab();
});

async function role(RoleName: string, input: Partial<ConstructorParameters<typeof CreateRoleCommand>[0]> = {}) {
  const { Role } = await lab.iam.send(
    new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: trust("ec2.amazonaws.com"), ...input }),
  );
  lab.pass(5);
  return Role!;
}

describe("a role", () => {
  it("gives its trust policy back encoded, and its tags and boundary for one role only", async () => {
    await role("node", { Tags: [{ Key: "a", Value: "b" }], PermissionsBoundary: SSM, Path: "/lab/" });
    const { Role } = await lab.iam.send(new GetRoleCommand({ RoleName: "node" }));
    expect(Role!.Arn).toBe("arn:aws:iam::123456789012:role/lab/node");
    expect(Role!.AssumeRolePolicyDocument).toMatch(/^%7B%22Version%22/);
    expect(decodeURIComponent(Role!.AssumeRolePolicyDocument!)).toBe(trust("ec2.amazonaws.com"));
    expect(Role!.Tags).toEqual([{ Key: "a", Value: "b" }]);
    expect(Role!.PermissionsBoundary?.PermissionsBoundaryArn).toBe(SSM);
    const { Roles } = await lab.iam.send(new ListRolesCommand({ PathPrefix: "/lab/" }));
    expect(Roles!.map(({ RoleName, Tags }) => [RoleName, Tags])).toEqual([["node", undefined]]);
  });

  it("has no description and no tags but in the characters IAM takes", async () => {
    expect(await wordsOf(role("node", { Description: "拆分" }))).toMatch(/'description' failed .* pattern/);
    expect(await wordsOf(role("node", { Tags: [{ Key: "a<b", Value: "" }] }))).toMatch(/'tags.1.member.key' failed/);
    await role("node", { Tags: [{ Key: "bootstrap:made", Value: "2026-11-21T07:00:00Z 拆分" }] });
  });

  it("has a name that is taken in every case of its letters", async () => {
    await role("Node");
    expect(await wordsOf(role("NODE"))).toBe("EntityAlreadyExistsException: Role with name NODE already exists.");
  });

  it("may be missing to reads for a few seconds, never to writes", async () => {
    const missing = [];
    for (let index = 0; index < 20; index++) {
      const RoleName = `role-${index}`;
      await lab.iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: trust("ec2.amazonaws.com") }));
      await lab.iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn: SSM }));
      await lab.iam.send(new GetRoleCommand({ RoleName })).catch(() => missing.push(RoleName));
    }
    expect(missing.length).toBeGreaterThan(0);
    expect(missing.length).toBeLessThan(12);
    lab.pass(5);
    const { Roles } = await lab.iam.send(new ListRolesCommand({}));
    expect(Roles).toHaveLength(20);
  });

  it("goes only when nothing hangs on it", async () => {
    await role("node");
    await lab.iam.send(new AttachRolePolicyCommand({ RoleName: "node", PolicyArn: SSM }));
    const remove = () => lab.iam.send(new DeleteRoleCommand({ RoleName: "node" }));
    expect(await wordsOf(remove())).toBe(
      "DeleteConflictException: Cannot delete entity, must detach all policies first.",
    );
    await lab.iam.send(new DetachRolePolicyCommand({ RoleName: "node", PolicyArn: SSM }));
    await lab.iam.send(new PutRolePolicyCommand({ RoleName: "node", PolicyName: "p", PolicyDocument: allow("s3:*") }));
    expect(await wordsOf(remove())).toMatch(/must delete policies first/);
    await lab.iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: "node" }));
    await lab.iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: "node", RoleName: "node" }));
    expect(await wordsOf(remove())).toMatch(/must remove roles from instance profile first/);
  });

  it("is told from what is not there", async () => {
    expect(await wordsOf(lab.iam.send(new GetRoleCommand({ RoleName: "none" })))).toBe(
      "NoSuchEntityException: The role with name none cannot be found.",
    );
  });

  it("takes its tags apart and together", async () => {
    await role("node", { Tags: [{ Key: "a", Value: "1" }] });
    await lab.iam.send(new TagRoleCommand({ RoleName: "node", Tags: [{ Key: "A", Value: "2" }] }));
    await lab.iam.send(new TagRoleCommand({ RoleName: "node", Tags: [{ Key: "b", Value: "3" }] }));
    await lab.iam.send(new UntagRoleCommand({ RoleName: "node", TagKeys: ["b"] }));
    const { Tags } = await lab.iam.send(new ListRoleTagsCommand({ RoleName: "node" }));
    expect(Tags).toEqual([{ Key: "A", Value: "2" }]);
    const twice = [
      { Key: "x", Value: "" },
      { Key: "X", Value: "" },
    ];
    expect(await wordsOf(lab.iam.send(new TagRoleCommand({ RoleName: "node", Tags: twice })))).toMatch(/Duplicate tag/);
  });
});

describe("a policy document", () => {
  it.each([
    ["{", "This policy contains invalid Json"],
    [JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Perhaps" }] }), "Syntax errors in policy."],
    [
      JSON.stringify({ Version: "2020-01-01", Statement: [] }),
      "Policy document must be version 2012-10-17 or greater.",
    ],
    [allow("GetObject"), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."],
    [allow("s3:GetObject", "bucket"), 'Resource bucket must be in ARN format or "*".'],
    [
      allow("s3:GetObject", "arn:aws-cn:s3:::b/*"),
      'Partition "aws-cn" is not valid for resource "arn:aws-cn:s3:::b/*".',
    ],
    [trust("ec2.amazonaws.com"), "Policy document should not specify a principal."],
  ])("is refused when it is malformed: %s", async (PolicyDocument, words) => {
    await role("node");
    const put = lab.iam.send(new PutRolePolicyCommand({ RoleName: "node", PolicyName: "p", PolicyDocument }));
    expect(await wordsOf(put)).toBe(`MalformedPolicyDocumentException: ${words}`);
  });

  it("that trusts must name a principal its partition has", async () => {
    await role("node");
    const update = (PolicyDocument: string, client = lab.iam) =>
      wordsOf(client.send(new UpdateAssumeRolePolicyCommand({ RoleName: "node", PolicyDocument })));
    expect(await update(trust("ec2.amazonaws.com.cn"))).toBe(
      'MalformedPolicyDocumentException: Invalid principal in policy: "SERVICE":"ec2.amazonaws.com.cn"',
    );
    expect(await update(allow("sts:AssumeRole"))).toMatch(/prohibited field Resource/);
  });

  it("comes back as it was put, encoded", async () => {
    await role("node");
    const document = allow(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::b/(*)'!");
    await lab.iam.send(new PutRolePolicyCommand({ RoleName: "node", PolicyName: "p", PolicyDocument: document }));
    const got = await lab.iam.send(new GetRolePolicyCommand({ RoleName: "node", PolicyName: "p" }));
    expect(got.PolicyDocument).not.toMatch(/[{}"()*'! ]/);
    expect(decodeURIComponent(got.PolicyDocument!)).toBe(document);
  });
});

it("quotas are refused in numbers", async () => {
  await role("node");
  const long = allow(Array.from({ length: 400 }, (_, index) => `s3:GetObjectNumber${index}Something`));
  const put = new PutRolePolicyCommand({ RoleName: "node", PolicyName: "p", PolicyDocument: long });
  expect(await wordsOf(lab.iam.send(put))).toMatch(/^LimitExceededException: Maximum policy size of 10240 bytes/);
  const names = ["S3FullAccess", "S3ReadOnlyAccess", "EC2FullAccess", "FSxFullAccess", "DynamoDBFullAccess"];
  const more = ["SSMFullAccess", "SSMReadOnlyAccess", "EC2ReadOnlyAccess", "FSxReadOnlyAccess", "ECS_FullAccess"];
  const attach = (PolicyArn: string) => lab.iam.send(new AttachRolePolicyCommand({ RoleName: "node", PolicyArn }));
  for (const name of [...names, ...more]) await attach(`arn:aws:iam::aws:policy/Amazon${name}`);
  expect(await wordsOf(attach(SSM))).toBe("LimitExceededException: Cannot exceed quota for PoliciesPerRole: 10");
  const services = Array.from({ length: 60 }, (_, index) => `service-number-${index}.amazonaws.com`);
  const trusting = JSON.stringify({
    Statement: [{ Effect: "Allow", Principal: { Service: services }, Action: "sts:AssumeRole" }],
  });
  const update = new UpdateAssumeRolePolicyCommand({ RoleName: "node", PolicyDocument: trusting });
  expect(await wordsOf(lab.iam.send(update))).toMatch(/ACLSizePerRole: 2048/);
});

it("a customer's policy can be a boundary, and is not deleted while it is one", async () => {
  const { Policy } = await lab.iam.send(
    new CreatePolicyCommand({ PolicyName: "fence", PolicyDocument: allow("s3:*") }),
  );
  await role("node", { PermissionsBoundary: Policy!.Arn });
  const remove = () => lab.iam.send(new DeletePolicyCommand({ PolicyArn: Policy!.Arn }));
  expect(await wordsOf(remove())).toMatch(/^DeleteConflictException/);
  await lab.iam.send(new DeleteRoleCommand({ RoleName: "node" }));
  await remove();
});

describe("a managed policy", () => {
  it("is attached when AWS has it, once, in its own partition", async () => {
    await role("node");
    const attach = (PolicyArn: string) => lab.iam.send(new AttachRolePolicyCommand({ RoleName: "node", PolicyArn }));
    await attach(SSM);
    await attach(SSM);
    const { AttachedPolicies } = await lab.iam.send(new ListAttachedRolePoliciesCommand({ RoleName: "node" }));
    expect(AttachedPolicies).toEqual([{ PolicyName: "AmazonSSMManagedInstanceCore", PolicyArn: SSM }]);
    expect(await wordsOf(attach("arn:aws:iam::aws:policy/Nothing"))).toMatch(
      /^NoSuchEntityException: .*not attachable/,
    );
    expect(await wordsOf(attach("arn:aws-cn:iam::aws:policy/AmazonSSMManagedInstanceCore"))).toMatch(
      /^InvalidInputException: ARN .* is not valid\.$/,
    );
    const { Policy } = await lab.iam.send(new GetPolicyCommand({ PolicyArn: SSM }));
    expect(Policy).toMatchObject({ AttachmentCount: 1, DefaultVersionId: "v1", Path: "/" });
  });

  it("that does not exist cannot be a boundary", async () => {
    await role("node");
    const put = new PutRolePermissionsBoundaryCommand({
      RoleName: "node",
      PermissionsBoundary: "arn:aws:iam::123456789012:policy/none",
    });
    expect(await wordsOf(lab.iam.send(put))).toMatch(/^NoSuchEntityException: Scope ARN: .* does not exist/);
  });
});

describe("an instance profile", () => {
  beforeEach(async () => {
    await role("node");
    await lab.iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: "profile", Path: "/lab/" }));
    lab.pass(5);
  });

  const put = (RoleName: string) =>
    lab.iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: "profile", RoleName }));

  it("holds one role and no second", async () => {
    await role("other");
    await put("node");
    expect(await wordsOf(put("other"))).toBe(
      "LimitExceededException: Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
    );
    const { InstanceProfile } = await lab.iam.send(new GetInstanceProfileCommand({ InstanceProfileName: "profile" }));
    expect(InstanceProfile!.Arn).toBe("arn:aws:iam::123456789012:instance-profile/lab/profile");
    expect(InstanceProfile!.Roles!.map(({ RoleName }) => RoleName)).toEqual(["node"]);
    const { InstanceProfiles } = await lab.iam.send(new ListInstanceProfilesForRoleCommand({ RoleName: "node" }));
    expect(InstanceProfiles).toHaveLength(1);
  });

  it("goes only when it is empty", async () => {
    await put("node");
    const remove = () => lab.iam.send(new DeleteInstanceProfileCommand({ InstanceProfileName: "profile" }));
    expect(await wordsOf(remove())).toMatch(/^DeleteConflictException/);
    await lab.iam.send(new RemoveRoleFromInstanceProfileCommand({ InstanceProfileName: "profile", RoleName: "node" }));
    await remove();
    expect(await wordsOf(remove())).toBe("NoSuchEntityException: Instance Profile profile cannot be found.");
  });
});

describe("a service-linked role", () => {
  const AWSServiceName = "batch.amazonaws.com";

  it("is made once and changed by nobody", async () => {
    const { Role } = await lab.iam.send(new CreateServiceLinkedRoleCommand({ AWSServiceName }));
    expect(Role!.Arn).toBe(
      "arn:aws:iam::123456789012:role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch",
    );
    const again = lab.iam.send(new CreateServiceLinkedRoleCommand({ AWSServiceName }));
    expect(await wordsOf(again)).toMatch(/^InvalidInputException: .* has been taken in this account/);
    const attach = new AttachRolePolicyCommand({ RoleName: "AWSServiceRoleForBatch", PolicyArn: SSM });
    expect(await wordsOf(lab.iam.send(attach))).toMatch(/^UnmodifiableEntityException/);
  });

  it("is not deleted while something uses it, and the task says what", async () => {
    const { subnetId } = await place(lab);
    const { FileSystem } = await lab.fsx.send(
      new CreateFileSystemCommand({
        FileSystemType: "LUSTRE",
        StorageCapacity: 1200,
        SubnetIds: [subnetId],
        LustreConfiguration: { DeploymentType: "SCRATCH_2" },
      }),
    );
    const RoleName = "AWSServiceRoleForAmazonFSx";
    const { DeletionTaskId } = await lab.iam.send(new DeleteServiceLinkedRoleCommand({ RoleName }));
    const status = await lab.iam.send(new GetServiceLinkedRoleDeletionStatusCommand({ DeletionTaskId }));
    expect(status).toMatchObject({
      Status: "FAILED",
      Reason: { RoleUsageList: [{ Region: "us-east-1", Resources: [FileSystem!.ResourceARN] }] },
    });
    await lab.iam.send(new GetRoleCommand({ RoleName }));
  });

  it("is deleted by a task that says how it went", async () => {
    await lab.iam.send(new CreateServiceLinkedRoleCommand({ AWSServiceName }));
    const RoleName = "AWSServiceRoleForBatch";
    const { DeletionTaskId } = await lab.iam.send(new DeleteServiceLinkedRoleCommand({ RoleName }));
    const { Status } = await lab.iam.send(new GetServiceLinkedRoleDeletionStatusCommand({ DeletionTaskId }));
    expect(Status).toBe("SUCCEEDED");
    expect(await wordsOf(lab.iam.send(new GetRoleCommand({ RoleName })))).toMatch(/^NoSuchEntity/);
  });
});

it("a list comes in pages, in no particular order", async () => {
  for (let index = 0; index < 6; index++) await role(`role-${index}`);
  const names: string[] = [];
  let Marker: string | undefined;
  do {
    const page: ListRolesCommandOutput = await lab.iam.send(new ListRolesCommand({ MaxItems: 2, Marker }));
    names.push(...page.Roles!.map(({ RoleName }) => RoleName!));
    Marker = page.Marker;
  } while (Marker !== undefined);
  expect([...names].sort()).toEqual(["role-0", "role-1", "role-2", "role-3", "role-4", "role-5"]);
  const orders = new Set<string>();
  for (let turn = 0; turn < 5; turn++) {
    await role(`more-${turn}`);
    const { Roles } = await lab.iam.send(new ListRolesCommand({}));
    orders.add(
      Roles!
        .map(({ RoleName }) => RoleName!)
        .filter((name) => name.startsWith("role-"))
        .join(),
    );
  }
  expect(orders.size).toBeGreaterThan(1);
});

it("China has ARNs and principals of its own", async () => {
  await role("node");
  const china = serviceLab("cn-northwest-1");
  const { Role } = await china.iam.send(
    new CreateRoleCommand({ RoleName: "node", AssumeRolePolicyDocument: trust("ec2.amazonaws.com.cn") }),
  );
  expect(Role!.Arn).toBe("arn:aws-cn:iam::123456789012:role/node");
});
