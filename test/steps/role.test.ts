import {
  AddRoleToInstanceProfileCommand,
  AttachRolePolicyCommand,
  CreateInstanceProfileCommand,
  CreateRoleCommand,
  DetachRolePolicyCommand,
  GetRoleCommand,
  ListAttachedRolePoliciesCommand,
  ListRolePoliciesCommand,
  PutRolePermissionsBoundaryCommand,
  PutRolePolicyCommand,
  UpdateAssumeRolePolicyCommand,
} from "@aws-sdk/client-iam";
import { beforeEach, describe, expect, it } from "vitest";
import { tagRecord } from "../../src/aws/tags.ts";
import { type RoleInputs, role } from "../../src/steps/role.ts";
import { contextOf, destroyAll, early, type Lab, lab, make, seeker, settle } from "./harness.ts";

const SSM = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore";
const ECS = "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role";

describe("role", () => {
  let world: Lab;
  const inputs: RoleInputs = {
    service: "ec2.amazonaws.com",
    managedPolicies: [SSM],
    inlinePolicy: {
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Action: ["logs:PutLogEvents", "logs:CreateLogStream"], Resource: ["*"] },
        { Effect: "Allow", Action: ["s3:GetObject"], Resource: ["arn:aws:s3:::runs/*"] },
      ],
    },
    path: "/",
  };

  beforeEach(() => {
    world = lab();
  });

  async function policies(RoleName: string) {
    const { AttachedPolicies } = await world.cloud.iam.send(new ListAttachedRolePoliciesCommand({ RoleName }));
    const { PolicyNames } = await world.cloud.iam.send(new ListRolePoliciesCommand({ RoleName }));
    return { managed: AttachedPolicies!.map(({ PolicyArn }) => PolicyArn).sort(), inline: PolicyNames };
  }

  async function putEverything(RoleName: string, PolicyName: string) {
    const Statement = [{ Effect: "Allow", Action: "*", Resource: "*" }];
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
    await world.cloud.iam.send(new PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument }));
  }

  it("makes one with its tags in a single call; its policies are drift from birth", async () => {
    const before = world.calls.length;
    const { context, ref, found } = await make(world, role, { inputs, node: "node-role" });
    expect(ref).toBe("lab-us-east-1-node-role");
    expect(world.writesSince(before)).toEqual(["CreateRole", "AttachRolePolicy", "PutRolePolicy"]);
    const { Role } = await world.cloud.iam.send(new GetRoleCommand({ RoleName: ref }));
    expect(tagRecord(Role!.Tags)).toMatchObject({ "bootstrap:env": "lab", "bootstrap:node": "node-role" });
    expect(found).toMatchObject({ ref, node: "node-role", owned: true, state: "ready", drift: [] });
    expect(found).toMatchObject({ fingerprint: context.fingerprint, token: context.token.slice(-8) });
    expect(found.output).toEqual({ arn: Role!.Arn, roleName: ref });
    expect(await policies(ref)).toEqual({ managed: [SSM], inline: ["bootstrap"] });
  });

  it("finds it without inputs, and of the whole kind only those of this environment and region", async () => {
    const { context, ref } = await make(world, role, { inputs, node: "node-role" });
    const other = await make(world, role, { inputs, node: "job-role" });
    await make(world, role, { inputs, node: "node-role", name: "lab2" });
    const [found] = await role.find(seeker(context, "node-role"));
    expect(found).toMatchObject({ ref, node: "node-role", owned: true, drift: undefined });
    const all = await role.find(seeker(context));
    expect(all.map((one) => one.ref).sort()).toEqual([other.ref, ref].sort());
    expect(await role.find({ ...seeker(context), region: "us-west-2" })).toEqual([]);
  });

  it("takes a service's Chinese name for the same service", async () => {
    world = lab("cn-northwest-1");
    const bare = { service: "ec2.amazonaws.com", managedPolicies: [], path: "/" };
    const { context, ref } = await make(world, role, { inputs: bare });
    const trust = async () => {
      const { Role } = await world.cloud.iam.send(new GetRoleCommand({ RoleName: ref }));
      return decodeURIComponent(Role!.AssumeRolePolicyDocument!);
    };
    const PolicyDocument = (await trust()).replace("ec2.amazonaws.com", "ec2.amazonaws.com.cn");
    await world.cloud.iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: ref, PolicyDocument }));
    expect(await trust()).toContain('"ec2.amazonaws.com.cn"');
    expect((await role.find(context))[0]!.drift).toEqual([]);
  });

  it("looks at a settled one with four calls, and with three where no inline policy is wanted", async () => {
    const { context } = await make(world, role, { inputs });
    const calls = async (wanted: RoleInputs) => {
      const before = world.calls.length;
      await role.find({ ...context, inputs: wanted });
      return world.calls.slice(before).map(({ operation }) => operation);
    };
    expect(await calls(inputs)).toHaveLength(4);
    expect((await calls({ ...inputs, managedPolicies: [], inlinePolicy: undefined })).sort()).toEqual([
      "GetRole",
      "ListAttachedRolePolicies",
      "ListRolePolicies",
    ]);
  });

  it("takes no other spelling of the same documents for drift", async () => {
    const { context, ref } = await make(world, role, { inputs });
    const spelled = {
      Statement: [
        { Resource: ["*"], Effect: "Allow", Action: ["logs:CreateLogStream", "logs:PutLogEvents"] },
        { Effect: "Allow", Resource: "arn:aws:s3:::runs/*", Action: ["s3:GetObject"] },
      ],
      Version: "2012-10-17",
    };
    const trust = {
      Version: "2012-10-17",
      Statement: { Effect: "Allow", Action: ["sts:AssumeRole"], Principal: { Service: ["ec2.amazonaws.com"] } },
    };
    await world.cloud.iam.send(
      new PutRolePolicyCommand({ RoleName: ref, PolicyName: "bootstrap", PolicyDocument: JSON.stringify(spelled) }),
    );
    await world.cloud.iam.send(
      new UpdateAssumeRolePolicyCommand({ RoleName: ref, PolicyDocument: JSON.stringify(trust) }),
    );
    expect((await role.find(context))[0]!.drift).toEqual([]);
  });

  it("mends exactly the managed policy that was taken away, and takes off one that was added", async () => {
    const both = { ...inputs, managedPolicies: [SSM, ECS] };
    const { context, ref } = await make(world, role, { inputs: both });
    await world.cloud.iam.send(new DetachRolePolicyCommand({ RoleName: ref, PolicyArn: ECS }));
    expect((await role.find(context))[0]!.drift).toEqual([
      { field: "managed policies", want: JSON.stringify([SSM, ECS].sort()), have: JSON.stringify([SSM]) },
    ]);
    const before = world.calls.length;
    await settle(world, role, context);
    expect(world.writesSince(before)).toEqual(["AttachRolePolicy"]);

    const PolicyArn = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
    await world.cloud.iam.send(new AttachRolePolicyCommand({ RoleName: ref, PolicyArn }));
    await settle(world, role, context);
    expect((await policies(ref)).managed).toEqual([SSM, ECS].sort());
  });

  it("mends trust and inline policy that were changed, each by its one call", async () => {
    const { context, ref } = await make(world, role, { inputs });
    const statement = { Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" };
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
    await world.cloud.iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: ref, PolicyDocument }));
    let before = world.calls.length;
    await settle(world, role, context);
    expect(world.writesSince(before)).toEqual(["UpdateAssumeRolePolicy"]);

    const swapped = { ...inputs.inlinePolicy, Statement: [...inputs.inlinePolicy!.Statement].reverse() };
    await world.cloud.iam.send(
      new PutRolePolicyCommand({ RoleName: ref, PolicyName: "bootstrap", PolicyDocument: JSON.stringify(swapped) }),
    );
    before = world.calls.length;
    await settle(world, role, context);
    expect(world.writesSince(before)).toEqual(["PutRolePolicy"]);
  });

  it("sets and lifts the boundary, and writes the fingerprint after that", async () => {
    const { ref } = await make(world, role, { inputs });
    const bounded = contextOf(world, role, { inputs: { ...inputs, permissionsBoundary: SSM } });
    let before = world.calls.length;
    await settle(world, role, bounded);
    expect(world.writesSince(before)).toEqual(["PutRolePermissionsBoundary", "TagRole"]);
    const { Role } = await world.cloud.iam.send(new GetRoleCommand({ RoleName: ref }));
    expect(Role!.PermissionsBoundary!.PermissionsBoundaryArn).toBe(SSM);

    before = world.calls.length;
    const { fingerprint } = await settle(world, role, contextOf(world, role, { inputs }));
    expect(world.writesSince(before)).toContain("DeleteRolePermissionsBoundary");
    expect(fingerprint).not.toBe(bounded.fingerprint);
  });

  it("lets a service act only in the account's own name, where it says in whose", async () => {
    const ofTasks = { service: "ecs-tasks.amazonaws.com", managedPolicies: [], path: "/" };
    await make(world, role, { inputs: ofTasks });
    const context = contextOf(world, role, { inputs: { ...ofTasks, sourceAccount: "123456789012" } });
    expect((await role.find(context))[0]!.drift!.map(({ field }) => field)).toEqual(["trust policy"]);
    const { ref } = await settle(world, role, context);
    const { Role } = await world.cloud.iam.send(new GetRoleCommand({ RoleName: ref }));
    expect(JSON.parse(decodeURIComponent(Role!.AssumeRolePolicyDocument!))).toMatchObject({
      Statement: [{ Condition: { StringEqualsIfExists: { "aws:SourceAccount": "123456789012" } } }],
    });
  });

  it("has its boundary from the call that makes it, so that it is never without", async () => {
    const bounded = contextOf(world, role, { inputs: { ...inputs, permissionsBoundary: SSM } });
    const RoleName = await role.create(bounded);
    await world.clock.sleep(10_000);
    const { Role } = await world.cloud.iam.send(new GetRoleCommand({ RoleName }));
    expect(Role!.PermissionsBoundary!.PermissionsBoundaryArn).toBe(SSM);
  });

  it("lifts a boundary that somebody put on a role of which none is wanted", async () => {
    const { context, ref } = await make(world, role, { inputs });
    await world.cloud.iam.send(new PutRolePermissionsBoundaryCommand({ RoleName: ref, PermissionsBoundary: SSM }));
    expect((await role.find(context))[0]!.drift).toEqual([{ field: "boundary", want: "none", have: SSM }]);
    const before = world.calls.length;
    await settle(world, role, context);
    expect(world.writesSince(before)).toEqual(["DeleteRolePermissionsBoundary"]);
  });

  it("takes off every right that somebody added to a role that wants none", async () => {
    const bare = { service: "ecs-tasks.amazonaws.com", managedPolicies: [], path: "/" };
    const { context, ref } = await make(world, role, { inputs: bare, node: "job-role" });
    const PolicyArn = "arn:aws:iam::aws:policy/AmazonS3FullAccess";
    await world.cloud.iam.send(new AttachRolePolicyCommand({ RoleName: ref, PolicyArn }));
    for (const PolicyName of ["bootstrap", "extra"]) await putEverything(ref, PolicyName);
    expect((await role.find(context))[0]!.drift).toEqual([
      { field: "managed policies", want: "[]", have: JSON.stringify([PolicyArn]) },
      { field: "other inline policies", want: "none", have: "bootstrap, extra" },
    ]);
    await settle(world, role, context);
    expect(await policies(ref)).toEqual({ managed: [], inline: [] });
  });

  it("deletes an inline policy beside its own, and leaves its own untouched", async () => {
    const { context, ref } = await make(world, role, { inputs });
    await putEverything(ref, "extra");
    const before = world.calls.length;
    await settle(world, role, context);
    expect(world.writesSince(before)).toEqual(["DeleteRolePolicy"]);
    expect(await policies(ref)).toEqual({ managed: [SSM], inline: ["bootstrap"] });
  });

  it("takes away what earlier inputs wanted and the new ones do not", async () => {
    const { ref } = await make(world, role, { inputs });
    const bare = contextOf(world, role, { inputs: { ...inputs, managedPolicies: [], inlinePolicy: undefined } });
    await settle(world, role, bare);
    expect(await policies(ref)).toEqual({ managed: [], inline: [] });
  });

  it("counts another path as another role, and other policies as the same", () => {
    expect(role.fixed!({ ...inputs, path: "/lab/" })).not.toEqual(role.fixed!(inputs));
    expect(role.fixed!({ ...inputs, managedPolicies: [] })).toEqual(role.fixed!(inputs));
  });

  it("does not own a role of the same name without our tags", async () => {
    const context = contextOf(world, role, { inputs });
    const PolicyDocument =
      '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}';
    await world.cloud.iam.send(
      new CreateRoleCommand({ RoleName: "lab-us-east-1-role", AssumeRolePolicyDocument: PolicyDocument }),
    );
    await world.clock.sleep(10_000);
    expect(await role.find(context)).toMatchObject([{ ref: "lab-us-east-1-role", owned: false }]);
    expect(await role.find(seeker(context))).toEqual([]);
  });

  it("finds by their names those that bootstrap makes, where the account's roles may not be listed", async () => {
    const { context, ref } = await make(world, role, { inputs, node: "node-role" });
    world.faults.push({
      operation: "ListRoles",
      error: { code: "AccessDenied", message: "iam:ListRoles", status: 403 },
    });
    await expect(role.find(seeker(context))).rejects.toThrow("iam:ListRoles");
    const refused: unknown[] = [];
    const found = await role.find({ ...seeker(context), unlisted: (cause) => refused.push(cause) });
    expect(found.map((one) => one.ref)).toEqual([ref]);
    expect(refused).toMatchObject([{ name: "AccessDenied" }]);
  });

  it("removes it with whatever was put into it since", async () => {
    const { context, ref } = await make(world, role, { inputs });
    const PolicyDocument = JSON.stringify(inputs.inlinePolicy);
    await world.cloud.iam.send(new AttachRolePolicyCommand({ RoleName: ref, PolicyArn: ECS }));
    await world.cloud.iam.send(new PutRolePolicyCommand({ RoleName: ref, PolicyName: "extra", PolicyDocument }));
    const profile = { InstanceProfileName: "somebody-elses" };
    await world.cloud.iam.send(new CreateInstanceProfileCommand(profile));
    await world.cloud.iam.send(new AddRoleToInstanceProfileCommand({ ...profile, RoleName: ref }));
    await world.clock.sleep(10_000);
    await destroyAll(world, role, seeker(context, "role"));
    await expect(world.cloud.iam.send(new GetRoleCommand({ RoleName: ref }))).rejects.toThrow(/cannot be found/);
  });

  it("does not mind removing what is already gone", async () => {
    const { context, found } = await make(world, role, { inputs });
    await destroyAll(world, role, seeker(context, "role"));
    await early(world, () => role.destroy!(seeker(context), found));
  });
});
