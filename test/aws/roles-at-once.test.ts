import {
  AttachRolePolicyCommand,
  CreateRoleCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  ListAttachedRolePoliciesCommand,
  ListRolePoliciesCommand,
  PutRolePolicyCommand,
  TagRoleCommand,
} from "@aws-sdk/client-iam";
import { expect, it, vi } from "vitest";
import { callerPolicy } from "../../sandbox/caller/authorize.ts";
import { orNothing } from "../../src/aws/errors.ts";
import { type Lab, lab } from "../steps/harness.ts";

const statement = (more: object) =>
  JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", ...more }] });
const TRUST = statement({ Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" });
const RIGHTS = statement({ Action: "s3:GetObject", Resource: "*" });
const MANAGED = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore";
const PolicyName = "own";

const names = (count: number) => Array.from({ length: count }, (_, at) => `role-${at}`);

async function withRoles(count: number): Promise<Lab> {
  const made = lab();
  const { iam } = made.cloud;
  for (const RoleName of names(count)) {
    const Tags = [{ Key: "of", Value: RoleName }];
    await iam.send(
      new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: TRUST, PermissionsBoundary: MANAGED, Tags }),
    );
    await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument: RIGHTS }));
    await iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn: MANAGED }));
  }
  made.clock.advance(60_000);
  return made;
}

/** What a role step reads of a role. */
async function read({ cloud: { iam } }: Lab, RoleName: string) {
  const [role, attached, inline, own] = await Promise.all([
    orNothing(iam.send(new GetRoleCommand({ RoleName }))),
    orNothing(iam.send(new ListAttachedRolePoliciesCommand({ RoleName }))),
    orNothing(iam.send(new ListRolePoliciesCommand({ RoleName }))),
    orNothing(iam.send(new GetRolePolicyCommand({ RoleName, PolicyName }))),
  ]);
  const { Arn, Tags, AssumeRolePolicyDocument, PermissionsBoundary, CreateDate } = role?.Role ?? {};
  return {
    ...{ Arn, Tags, AssumeRolePolicyDocument, PermissionsBoundary, CreateDate },
    attached: attached?.AttachedPolicies,
    inline: inline?.PolicyNames,
    own: own?.PolicyDocument,
  };
}

async function readAll(made: Lab, roles: readonly string[]) {
  const since = made.calls.length;
  const answers = await Promise.all(roles.map((name) => read(made, name)));
  return { answers, operations: made.calls.slice(since).map(({ operation }) => operation) };
}

async function oneByOne(made: Lab, roles: readonly string[]) {
  const answers = [];
  for (const name of roles) answers.push(await read(made, name));
  return answers;
}

it("many roles are read in one call, which says of each what its own calls say", async () => {
  const made = await withRoles(8);
  const { answers, operations } = await readAll(made, names(8));
  expect(operations).toEqual(["GetAccountAuthorizationDetails"]);
  expect(answers[0]).toMatchObject({ Tags: [{ Key: "of", Value: "role-0" }], inline: [PolicyName] });
  expect(answers).toEqual(await oneByOne(made, names(8)));
});

it("few are read by their own calls", async () => {
  const { operations } = await readAll(await withRoles(8), names(7));
  expect(operations).not.toContain("GetAccountAuthorizationDetails");
  expect(operations).toHaveLength(7 * 4);
});

it("one that is not there is asked for by itself, and is nothing", async () => {
  const { answers, operations } = await readAll(await withRoles(8), [...names(8), "none"]);
  expect(answers[8]).toEqual({});
  expect(operations.filter((operation) => operation === "GetAccountAuthorizationDetails")).toHaveLength(1);
  expect(operations).toHaveLength(1 + 4);
});

it("who may not read all of the account's reads each, and does not ask again", async () => {
  const made = await withRoles(8);
  made.may(callerPolicy(statement({ Action: ["iam:GetRole*", "iam:List*"], Resource: "*" })));
  const { answers, operations } = await readAll(made, names(8));
  expect(answers.map(({ inline }) => inline)).toEqual(names(8).map(() => [PolicyName]));
  expect(operations).toHaveLength(1 + 8 * 4);
  expect((await readAll(made, names(8))).operations).toHaveLength(8 * 4);
});

it("what was read is told once, so that a second look is a new one", async () => {
  const made = await withRoles(8);
  await readAll(made, names(8));
  const { operations } = await readAll(made, names(8));
  expect(operations).toEqual(["GetAccountAuthorizationDetails"]);
  const [RoleName] = names(1) as [string];
  expect((await readAll(made, [RoleName])).operations).toHaveLength(4);
});

it("after a change of ours nothing is told of what was read before", async () => {
  const made = await withRoles(9);
  await readAll(made, names(8));
  await made.cloud.iam.send(new TagRoleCommand({ RoleName: "role-8", Tags: [{ Key: "of", Value: "another" }] }));
  const { answers, operations } = await readAll(made, ["role-8"]);
  expect(answers[0]!.Tags).toEqual([{ Key: "of", Value: "another" }]);
  expect(operations).toHaveLength(4);
});

it("what was read at once is not told when it is ten seconds old", async () => {
  const made = await withRoles(8);
  const looks = (Look: typeof GetRoleCommand | typeof ListRolePoliciesCommand) =>
    Promise.all(names(8).map((RoleName) => made.cloud.iam.send(new Look({ RoleName }) as GetRoleCommand)));
  await looks(GetRoleCommand);
  const since = made.calls.length;
  const now = performance.now();
  const later = vi.spyOn(performance, "now").mockImplementation(() => now + 11_000);
  await looks(ListRolePoliciesCommand).finally(() => later.mockRestore());
  expect(made.calls.slice(since).map(({ operation }) => operation)).toEqual(["GetAccountAuthorizationDetails"]);
});
