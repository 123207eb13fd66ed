import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DescribeComputeEnvironmentsCommand } from "@aws-sdk/client-batch";
import { CreateSecurityGroupCommand, CreateTagsCommand, DescribeVpcsCommand } from "@aws-sdk/client-ec2";
import { CreateRepositoryCommand } from "@aws-sdk/client-ecr";
import { DescribeFileSystemsCommand } from "@aws-sdk/client-fsx";
import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  CreateRoleCommand,
  GetRoleCommand,
  ListRolesCommand,
  TagRoleCommand,
} from "@aws-sdk/client-iam";
import { GetParameterCommand } from "@aws-sdk/client-ssm";
import { beforeEach, describe, expect, it } from "vitest";
import { callerPolicy, callerPolicyIn, TABLES } from "../../sandbox/caller/authorize.ts";
import { SERVICES } from "../../sandbox/services/index.ts";
import { whoAmI } from "../../src/aws/facts.ts";
import { type Lab, lab } from "../steps/harness.ts";

interface Statement {
  readonly Effect?: "Allow" | "Deny";
  readonly Action?: string | readonly string[];
  readonly NotAction?: string;
  readonly Resource?: string | readonly string[];
  readonly Condition?: object;
}

let world: Lab;
beforeEach(() => {
  world = lab();
});

function may(...statements: readonly Statement[]): void {
  const Statement = statements.map((statement) => ({ Effect: "Allow", Resource: "*", ...statement }));
  world.may(callerPolicy(JSON.stringify({ Version: "2012-10-17", Statement })));
}

const everythingBut = (Action: string): readonly Statement[] => [{ Action: "*" }, { Effect: "Deny", Action }];

/** `ok`, or the error as a client sees it. */
async function outcome(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "ok",
    (error: Error) => `${error.name}: ${error.message}`,
  );
}

const ROLE = {
  RoleName: "lab-role",
  AssumeRolePolicyDocument:
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}',
};
const Tags = [{ Key: "bootstrap:env", Value: "lab" }];

it("knows what each operation takes that it has", () => {
  const unknown = SERVICES.flatMap(({ name, operations }) =>
    Object.keys(operations).flatMap((operation) => (TABLES[name]?.[operation] ? [] : [`${name}:${operation}`])),
  );
  expect(unknown).toEqual([]);
  expect(SERVICES.length).toBeGreaterThan(7);
});

describe("a caller without a right", () => {
  it("is refused in each service's own words, and whoever asks who it is never", async () => {
    world.may(callerPolicy("[]"));
    const { batch, ec2, ecr, fsx, iam, ssm } = world.cloud;
    const user = "User: arn:aws:iam::123456789012:user/sandbox is not authorized to perform:";
    const why = (action: string) => `because no identity-based policy allows the ${action} action`;
    const { arn } = await whoAmI(world.cloud);
    expect(user).toContain(arn);
    expect(await outcome(ec2.send(new DescribeVpcsCommand({})))).toBe(
      `UnauthorizedOperation: You are not authorized to perform this operation. ${user} ec2:DescribeVpcs ${why("ec2:DescribeVpcs")}`,
    );
    expect(await outcome(iam.send(new GetRoleCommand({ RoleName: "x" })))).toBe(
      `AccessDenied: ${user} iam:GetRole on resource: arn:aws:iam::123456789012:role/x ${why("iam:GetRole")}`,
    );
    expect(await outcome(fsx.send(new DescribeFileSystemsCommand({})))).toBe(
      `AccessDeniedException: ${user} fsx:DescribeFileSystems ${why("fsx:DescribeFileSystems")}`,
    );
    expect(await outcome(batch.send(new DescribeComputeEnvironmentsCommand({})))).toContain(
      `AccessDeniedException: ${user} batch:DescribeComputeEnvironments`,
    );
    expect(await outcome(ecr.send(new CreateRepositoryCommand({ repositoryName: "a/b" })))).toContain(
      `AccessDeniedException: ${user} ecr:CreateRepository on resource: arn:aws:ecr:us-east-1:123456789012:repository/a/b`,
    );
    expect(await outcome(ssm.send(new GetParameterCommand({ Name: "/aws/service/ecs/x" })))).toContain(
      `ssm:GetParameter on resource: arn:aws:ssm:us-east-1::parameter/aws/service/ecs/x`,
    );
  });

  it("changes nothing", async () => {
    world.may(callerPolicy("[]"));
    await outcome(world.cloud.iam.send(new CreateRoleCommand(ROLE)));
    world.may(undefined);
    const { Roles } = await world.cloud.iam.send(new ListRolesCommand({}));
    expect(Roles!.map(({ RoleName }) => RoleName)).not.toContain("lab-role");
  });
});

describe("a right", () => {
  const listRoles = () => outcome(world.cloud.iam.send(new ListRolesCommand({})));

  it("is given by name, by wildcard in any case, and by what is not excepted", async () => {
    for (const Action of ["iam:ListRoles", "iam:list*", "iam:*", "*", ["ec2:DescribeVpcs", "iam:List?oles"]]) {
      may({ Action });
      expect(await listRoles(), String(Action)).toBe("ok");
    }
    may({ NotAction: "ec2:*" });
    expect(await listRoles()).toBe("ok");
    may({ NotAction: "iam:*" });
    expect(await listRoles()).toContain("no identity-based policy allows");
  });

  it("is taken by an explicit deny, whatever else is allowed", async () => {
    may(...everythingBut("iam:List*"));
    expect(await listRoles()).toMatch(/iam:ListRoles with an explicit deny in an identity-based policy$/);
  });

  it("on a resource goes by its ARN, and is none where AWS has no narrower resource", async () => {
    may({ Action: "iam:*", Resource: "arn:aws:iam::123456789012:role/lab-*" });
    expect(await outcome(world.cloud.iam.send(new CreateRoleCommand(ROLE)))).toBe("ok");
    expect(await outcome(world.cloud.iam.send(new CreateRoleCommand({ ...ROLE, RoleName: "other" })))).toContain(
      "role/other",
    );
    expect(await listRoles()).toContain("iam:ListRoles because");
  });

  it("under a condition is there when every operator and key is met", async () => {
    const tag = (Value: string) =>
      outcome(world.cloud.iam.send(new TagRoleCommand({ RoleName: "lab-role", Tags: [{ Key: "x", Value }] })));
    await world.cloud.iam.send(new CreateRoleCommand({ ...ROLE, Tags }));
    const verdicts = async (Condition: object) => {
      may({ Action: "iam:TagRole", Condition });
      return Promise.all(["a", "b"].map(async (value) => (await tag(value)) === "ok"));
    };
    expect(await verdicts({ StringEquals: { "aws:RequestTag/x": "a" } })).toEqual([true, false]);
    expect(await verdicts({ StringNotEquals: { "aws:RequestTag/x": ["a", "c"] } })).toEqual([false, true]);
    expect(await verdicts({ StringLike: { "aws:ResourceTag/bootstrap:env": "l*" } })).toEqual([true, true]);
    expect(
      await verdicts({ StringEquals: { "aws:ResourceTag/bootstrap:env": "lab", "aws:RequestTag/x": "b" } }),
    ).toEqual([false, true]);
    expect(await verdicts({ StringEquals: { "aws:RequestTag/y": "a" } })).toEqual([false, false]);
    expect(await verdicts({ StringEqualsIfExists: { "aws:RequestTag/y": "a" } })).toEqual([true, true]);
    expect(await verdicts({ Null: { "aws:RequestTag/y": "true", "aws:RequestTag/x": "false" } })).toEqual([true, true]);
    expect(await verdicts({ "ForAllValues:StringEquals": { "aws:TagKeys": ["x", "y"] } })).toEqual([true, true]);
    expect(await verdicts({ "ForAnyValue:StringEquals": { "aws:TagKeys": ["z"] } })).toEqual([false, false]);
    expect(() => may({ Action: "*", Condition: { IpAddress: { "aws:SourceIp": "10.0.0.0/8" } } })).toThrow(
      "does not know the condition operator IpAddress",
    );
  });
});

describe("an operation that takes several rights", () => {
  it("asks for tags that are given at birth by themselves, and knows what makes the thing", async () => {
    may(...everythingBut("iam:TagRole"));
    expect(await outcome(world.cloud.iam.send(new CreateRoleCommand(ROLE)))).toBe("ok");
    expect(await outcome(world.cloud.iam.send(new CreateRoleCommand({ ...ROLE, RoleName: "r2", Tags })))).toContain(
      "iam:TagRole on resource: arn:aws:iam::123456789012:role/r2",
    );
    may(
      { Action: ["ec2:CreateSecurityGroup"] },
      { Action: "ec2:CreateTags", Condition: { StringEquals: { "ec2:CreateAction": "CreateSecurityGroup" } } },
    );
    const TagSpecifications = [{ ResourceType: "security-group" as const, Tags }];
    const { GroupId } = await world.cloud.ec2.send(
      new CreateSecurityGroupCommand({ GroupName: "g", Description: "d", TagSpecifications }),
    );
    expect(await outcome(world.cloud.ec2.send(new CreateTagsCommand({ Resources: [GroupId!], Tags })))).toContain(
      `ec2:CreateTags on resource: arn:aws:ec2:us-east-1:123456789012:security-group/${GroupId}`,
    );
  });

  it("asks whether a role may be handed to the service that is to work with it", async () => {
    world = lab("cn-northwest-1");
    const InstanceProfileName = "lab-profile";
    await world.cloud.iam.send(new CreateRoleCommand(ROLE));
    await world.cloud.iam.send(new CreateInstanceProfileCommand({ InstanceProfileName }));
    const add = () =>
      outcome(world.cloud.iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName, RoleName: "lab-role" })));
    const pass = (service: string) => ({
      Action: "iam:PassRole",
      Condition: { StringEquals: { "iam:PassedToService": service } },
    });
    may({ Action: "iam:AddRole*" }, pass("ec2.amazonaws.com"));
    expect(await add()).toContain("iam:PassRole on resource: arn:aws-cn:iam::123456789012:role/lab-role");
    may({ Action: "iam:AddRole*" }, pass("ec2.amazonaws.com.cn"));
    expect(await add()).toBe("ok");
  });
});

it("reads a caller's policy from a file, whenever it changes, and says what is wrong with one", () => {
  const folder = mkdtempSync(join(tmpdir(), "caller-"));
  const path = join(folder, "caller-policy.json");
  const policy = callerPolicyIn(path);
  expect(policy()).toBeUndefined();
  writeFileSync(path, '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}');
  expect(policy()?.decide("iam:ListRoles", "*", {})).toBe("allowed");
  rmSync(path);
  writeFileSync(path, '{"Statement":[{"Effect":"May"}]}');
  expect(() => callerPolicyIn(path)()).toThrow(`${path} is no policy: Syntax errors in policy.`);
  rmSync(folder, { recursive: true });
});
