import { DescribeRouteTablesCommand } from "@aws-sdk/client-ec2";
import { CreateRepositoryCommand } from "@aws-sdk/client-ecr";
import { DescribeFileSystemsCommand } from "@aws-sdk/client-fsx";
import { GetRoleCommand } from "@aws-sdk/client-iam";
import { ListCommandsCommand } from "@aws-sdk/client-ssm";
import type { NormalizedSchema } from "@smithy/core/schema";
import { describe, expect, it } from "vitest";
import { breaches, constraintsOf, expression } from "../../sandbox/constraints.ts";
import type { Shape } from "../../sandbox/model.ts";
import { SERVICES } from "../../sandbox/services/index.ts";
import { loadWire } from "../../sandbox/wire.ts";
import { Site } from "../environment/site.ts";
import { serviceLab, wordsOf } from "./service-lab.ts";

describe.each(SERVICES)("the model of $name", (service) => {
  it("covers every operation that the sandbox has, and no other", async () => {
    const { operations } = await constraintsOf(service);
    expect(Object.keys(operations).sort()).toEqual(Object.keys(service.operations).sort());
  });

  it("constrains nothing that the SDK does not know, in no way that cannot be asked, by no shape that is missing", async () => {
    const { operations, shapes } = await constraintsOf(service);
    const wire = await loadWire(service);
    const used = new Set<string>();
    for (const [operation, name] of Object.entries(operations)) {
      if (name !== null) walk(shapes, name, wire.operations.get(operation)!.input, operation, used);
    }
    expect([...used].sort()).toEqual(Object.keys(shapes).sort());
  });
});

/** Goes down model and schema together, as the two must agree for a constraint to be held at all. */
function walk(
  shapes: Readonly<Record<string, Shape>>,
  name: string,
  schema: NormalizedSchema,
  path: string,
  used: Set<string>,
): void {
  const shape = shapes[name];
  expect(shape, `${path}: ${name}`).toBeDefined();
  used.add(name);
  const { pattern, members = {}, items, keys, values } = shape!;
  if (pattern !== undefined) expect(expression(pattern), path).toBeInstanceOf(RegExp);
  const known = schema.isStructSchema() ? new Map(schema.structIterator()) : new Map<string, NormalizedSchema>();
  for (const [member, at] of Object.entries(members)) {
    expect([...known.keys()], path).toContain(member);
    walk(shapes, at, known.get(member)!, `${path}.${member}`, used);
  }
  if (items !== undefined) walk(shapes, items, schema.getValueSchema(), `${path}[]`, used);
  if (keys !== undefined) walk(shapes, keys, schema.getKeySchema(), `${path}'s keys`, used);
  if (values !== undefined) walk(shapes, values, schema.getValueSchema(), `${path}'s values`, used);
}

describe("a constraint", () => {
  const model = {
    operations: { Op: "Request", Free: null },
    shapes: {
      Request: { members: { Name: "Name", Count: "Count", List: "List", Words: "Words", Map: "Map", Kind: "Kind" } },
      Name: { pattern: "[a-z]+", min: 2, max: 4 },
      Count: { min: 0, max: 5 },
      Kind: { enum: ["A", "B"] },
      List: { min: 1, items: "Request" },
      Words: { items: "Name" },
      Map: { keys: "Name", values: "Kind" },
    },
  };
  const told = (input: unknown) =>
    breaches(model, "Op", input).map((problem) => problem.kind === "value" && [problem.path, problem.rule]);
  const name = [{ most: 4, of: "length" }, { least: 2, of: "length" }, { pattern: "[a-z]+" }];

  it("holds for the whole of a value, and for nothing that is not given", () => {
    expect(told({ Name: "ab", Count: 0, Kind: "B", List: [{}], Words: ["abc"], Map: { ab: "A" } })).toEqual([]);
    expect(told({ Name: undefined, Count: null })).toEqual([]);
    expect(told({ Name: "a1" })).toEqual([["Name", { pattern: "[a-z]+" }]]);
  });

  it("is told for each value that breaks it, with its place and its bound", () => {
    expect(told({ Name: "a", Count: 6, Kind: "C", List: [] })).toEqual([
      ["Name", { least: 2, of: "length" }],
      ["Count", { most: 5, of: "value" }],
      ["Kind", { enum: ["A", "B"] }],
      ["List", { least: 1, of: "length" }],
    ]);
    expect(told({ List: [{}, { Count: -1 }] })).toEqual([["List[1].Count", { least: 0, of: "value" }]]);
  });

  it("on the words of a list, or a map's keys or values, is told of the whole, with all that they must be", () => {
    expect(told({ Words: ["ab", "a"] })).toEqual([["Words", { each: "Member", rules: name }]]);
    expect(told({ Map: { a: "C" } })).toEqual([
      ["Map", { each: "Map keys", rules: name }],
      ["Map", { each: "Map value", rules: [{ enum: ["A", "B"] }] }],
    ]);
  });

  it("is not asked of an operation that has none", () => {
    expect(breaches(model, "Free", { Name: "" })).toEqual([]);
  });
});

describe("a broken constraint is refused in the service's own words", () => {
  const lab = serviceLab();

  it.each([
    [
      "FSx",
      () => lab.fsx.send(new DescribeFileSystemsCommand({ FileSystemIds: ["fs-0123456789abcdef0", "none-of-them"] })),
      "BadRequest: 1 validation error detected: Value '[fs-0123456789abcdef0, none-of-them]' at 'fileSystemIds' failed " +
        "to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 21, " +
        "Member must have length greater than or equal to 11, " +
        "Member must satisfy regular expression pattern: ^(fs-[0-9a-f]{8,})$]",
    ],
    [
      "IAM",
      () => lab.iam.send(new GetRoleCommand({ RoleName: "a b" })),
      "ValidationError: 1 validation error detected: Value 'a b' at 'roleName' failed to satisfy constraint: " +
        "Member must satisfy regular expression pattern: [\\w+=,.@-]+",
    ],
    [
      "ECR",
      () => lab.ecr.send(new CreateRepositoryCommand({ repositoryName: "Lab" })),
      "InvalidParameterException: Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy " +
        "regular expression '[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*''",
    ],
    [
      "EC2",
      () => lab.ec2.send(new DescribeRouteTablesCommand({ MaxResults: 3 })),
      "InvalidParameterValue: Value (3) for parameter maxResults is invalid. Expecting a value greater than 5.",
    ],
    [
      "Systems Manager",
      () => lab.ssm.send(new ListCommandsCommand({ Filters: [{ key: "Age" as "Status", value: "" }] })),
      "ValidationException: 2 validation errors detected: Value 'Age' at 'filters.1.member.key' failed to satisfy " +
        "constraint: Member must satisfy enum value set: [InvokedAfter, InvokedBefore, Status, ExecutionStage, " +
        "DocumentName]; Value '' at 'filters.1.member.value' failed to satisfy constraint: Member must have length " +
        "greater than or equal to 1",
    ],
  ])("of %s", async (_service, ask, words) => {
    expect(await wordsOf(ask())).toBe(words);
  });
});

it("no call of an environment's whole life breaks one, or lacks what must be there", async () => {
  const refusals = ["MissingParameter", "UnknownParameter", "SerializationException"];
  const site = new Site();
  await site.up("tags: { cost-center: 4711 }");
  await site.bake("", { force: true });
  await site.up("compute: { purchase: spot, maxVcpus: 512 }\nfilesystem: { capacityGiB: 7200 }", { yes: true });
  await site.teardown();
  const constraints = new Map(
    await Promise.all(SERVICES.map(async (each) => [each.name, await constraintsOf(each)] as const)),
  );
  for (const { service, operation, input, outcome } of site.lab.calls) {
    expect(breaches(constraints.get(service)!, operation, input), operation).toEqual([]);
    expect(refusals, operation).not.toContain(outcome);
  }
  expect(new Set(site.lab.calls.map(({ operation }) => operation)).size).toBeGreaterThan(75);
});
