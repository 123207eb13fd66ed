import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { InitializeHandlerArguments, MiddlewareStack } from "@smithy/types";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Cloud } from "../src/aws/clients.ts";
import { loadConfig } from "../src/config/load.ts";
import { partitionOf } from "../src/config/partitions.ts";
import { resolveConfig } from "../src/config/resolve.ts";
import { WORKLOADS_FOLDER } from "../src/config/workloads.ts";
import { fingerprintOf } from "../src/engine/fingerprint.ts";
import type { Graph, Node } from "../src/engine/graph.ts";
import { environment } from "../src/environment/index.ts";
import type { Facts } from "../src/environment/scope.ts";
import { KINDS } from "../src/steps/index.ts";
import { PROFILE_NODES } from "../src/steps/instance-profile.ts";
import { ROLE_NODES, type RoleInputs } from "../src/steps/role.ts";
import { contextOf, type Lab, lab } from "./steps/harness.ts";

/** As long as a name can be: the config allows 24 characters. */
const LONGEST_NAME = "a23456789-b23456789-c234";

/** The longest of each partition. */
const REGIONS = ["ap-northeast-1", "cn-northwest-1", "us-gov-west-1", "eusc-de-east-1"];

/** As long as another workload's can be in the longest environment. */
const OTHER = "w2345";

let folder: string;
let presets: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "environment-"));
  presets = join(folder, "presets");
  cpSync(WORKLOADS_FOLDER, presets, { recursive: true });
  const preset = readFileSync(join(presets, "bcl2fastq.yaml"), "utf8");
  writeFileSync(join(presets, `${OTHER}.yaml`), preset.replace("workload: bcl2fastq", `workload: ${OTHER}`));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Wish {
  readonly region?: string;
  readonly yaml?: string;
  readonly builder?: "instance" | "docker";
  readonly build?: boolean;
  readonly forcedAt?: string;
}

const C5D = { vcpus: 36, memoryMiB: 73_728, architecture: "x86_64" as const, diskSizesGB: [900], nvme: true };

async function graphOf({ region = REGIONS[0]!, yaml = "", builder = "instance", build = true, forcedAt }: Wish = {}) {
  const file = join(folder, `${createHash("sha256").update(yaml).digest("hex")}.yaml`);
  writeFileSync(file, yaml);
  const loaded = await loadConfig({
    ...{ file, workloadsFolder: presets, overrides: { region, name: LONGEST_NAME } },
  });
  const config = resolveConfig(loaded, region);
  const facts: Facts = {
    ...{ account: "123456789012", partition: partitionOf(region).id },
    ...{ vpcId: "vpc-0123456789abcdef0", subnetId: "subnet-0123456789abcdef0", baseImageId: "ami-0123456789abcdef0" },
    forcedAt,
    workloads: Object.fromEntries(
      config.workloads.map(({ name, compute }) => [
        name,
        {
          computeSubnetIds: ["subnet-0123456789abcdef0"],
          instanceTypes: compute.instanceTypes.map((instanceType) => ({ ...C5D, instanceType })),
          build: build
            ? { builder, files: [], folder: "/unused", digests: { Dockerfile: "0" }, args: [], contextBase64: "AAAA" }
            : undefined,
        },
      ]),
    ),
  };
  return environment(config, facts);
}

/** Every form an environment can have. */
const FORMS: readonly (readonly [what: string, wish: Wish])[] = [
  ["as it comes", {}],
  ["in China", { region: "cn-northwest-1" }],
  ["on Spot", { yaml: "compute: { purchase: spot }" }],
  ["without Lustre", { yaml: "filesystem: { enabled: false }" }],
  ["with a local builder", { builder: "docker" }],
  ["with a ready image", { build: false, yaml: "container: { image: registry.example.com/bcl2fastq:2.20 }" }],
];

const nodeOf = (graph: Graph<Cloud>, id: string) => graph.node(id)!;
const placeOf = ({ step }: Node<Cloud>) => KINDS.findIndex(({ kind }) => kind === step.kind);

describe.each(FORMS)("an environment %s", (_what, wish) => {
  it("can be removed in the fixed order of kinds: what leans on a node goes before it", async () => {
    const graph = await graphOf(wish);
    const edges = graph.nodes.flatMap((node) =>
      [...node.needs, ...node.temporaries.values()].map((need) => [node, nodeOf(graph, need)] as const),
    );
    // What leaves nothing behind has no place in that order.
    const ordered = edges.filter((edge) => edge.every((node) => placeOf(node) >= 0));
    expect(ordered.length).toBeGreaterThan(10);
    const wrong = ordered.filter(([node, need]) => placeOf(node) >= placeOf(need));
    expect(wrong.map(([node, need]) => `${node.id} before ${need.id}`)).toEqual([]);
  });

  it("has only roles and instance profiles that are asked for by name, where the account's may not be listed", async () => {
    const { nodes } = await graphOf(wish);
    const of = (kind: string) => nodes.filter(({ step }) => step.kind === kind).map(({ id }) => id);
    expect(ROLE_NODES).toEqual(expect.arrayContaining(of("role")));
    expect(PROFILE_NODES).toEqual(expect.arrayContaining(of("instance-profile")));
    expect(of("role")).not.toEqual([]);
  });

  it("has only kinds that teardown knows, or that leave nothing behind", async () => {
    const graph = await graphOf(wish);
    const unknown = graph.nodes.filter(({ step }) => step.destroy && !KINDS.some(({ kind }) => kind === step.kind));
    expect(unknown.map(({ id }) => id)).toEqual([]);
    expect(graph.nodes.filter(({ step }) => step.destroy).length).toBeGreaterThan(8);
  });

  it("has for each builder one owner, who waits for all that the builder needs", async () => {
    const graph = await graphOf(wish);
    const temporaries = graph.nodes.filter(({ step }) => step.kind === "instance" || step.kind === "command");
    expect(temporaries.length).toBeGreaterThan(0);
    for (const { id } of temporaries) {
      const owner = graph.ownerOf(id);
      expect(owner, id).toBeDefined();
      expect([...nodeOf(graph, owner!).temporaries.values()]).toContain(id);
      expect(graph.ownerOf(owner!), `${owner} is temporary itself`).toBeUndefined();
    }
  });

  it("has a log group that goes after every machine that writes to it", async () => {
    const graph = await graphOf(wish);
    const writers = graph.nodes.filter(({ step }) => ["instance", "compute-environment"].includes(step.kind));
    expect(writers.length).toBeGreaterThan(1);
    expect(writers.filter(({ needs }) => !needs.includes("log-group")).map(({ id }) => id)).toEqual([]);
  });

  it("never lets a lasting node lean on a temporary one", async () => {
    const graph = await graphOf(wish);
    const lasting = graph.nodes.filter(({ id }) => graph.ownerOf(id) === undefined);
    for (const { id, needs } of lasting) {
      expect(
        needs.filter((need) => graph.ownerOf(need) !== undefined),
        id,
      ).toEqual([]);
    }
  });
});

it("has another builder for each recipe and each forced bake, and the same one for the same", async () => {
  const needs = new Map(Object.entries({ "security-group": { groupId: "sg-1" }, "builder-profile": { arn: "arn" } }));
  const builderOf = async (wish: Wish) => fingerprintOf(nodeOf(await graphOf(wish), "builder").inputs(needs));
  const builders = await Promise.all(
    [{}, {}, { forcedAt: "2026-11-21" }, { yaml: "machineImage: { packages: [htop] }" }].map(builderOf),
  );
  expect(builders[1]).toBe(builders[0]);
  expect(new Set(builders).size).toBe(3);
});

it("tells jobs their region, in both of the AWS CLI's words, unless the config does", async () => {
  const needs = new Map<string, unknown>(
    Object.entries({ "job-role": { arn: "arn" }, "log-group": {}, "container-image": { image: "image" } }),
  );
  const environmentOf = async (yaml = "") => {
    const node = nodeOf(await graphOf({ region: "cn-northwest-1", yaml }), "job-definition");
    return (node.inputs(needs) as { readonly environment: Readonly<Record<string, string>> }).environment;
  };
  expect(await environmentOf()).toEqual({ AWS_REGION: "cn-northwest-1", AWS_DEFAULT_REGION: "cn-northwest-1" });
  expect(await environmentOf("job: { environment: { AWS_REGION: cn-north-1, SPLIT_SOURCE: 's3://runs' } }")).toEqual({
    AWS_REGION: "cn-north-1",
    AWS_DEFAULT_REGION: "cn-northwest-1",
    SPLIT_SOURCE: "s3://runs",
  });
});

it("knows each kind once in the order of removal, and can remove it", () => {
  const kinds = KINDS.map(({ kind }) => kind);
  expect(new Set(kinds).size).toBe(kinds.length);
  for (const { kind, destroy } of KINDS) expect(destroy, kind).toBeDefined();
});

it("uses every kind of the order of removal in an environment with all parts", async () => {
  const graph = await graphOf();
  expect(KINDS.filter(({ kind }) => !graph.nodes.some(({ step }) => step.kind === kind))).toEqual([]);
});

it("gives each role the managed policies named here and no other, and rights of its own where it needs any", async () => {
  const graph = await graphOf({ yaml: "job: { buckets: { read: [runs], write: [fastq] } }" });
  const roles = graph.nodes.filter(({ step }) => step.kind === "role");
  const rights = roles.map(({ id, inputs }) => {
    const { managedPolicies, inlinePolicy } = inputs(new Map()) as RoleInputs;
    return [id, [...managedPolicies.map((arn) => arn.split(":policy/")[1]), ...(inlinePolicy ? ["its own"] : [])]];
  });
  expect(Object.fromEntries(rights)).toEqual({
    "node-role": ["service-role/AmazonEC2ContainerServiceforEC2Role", "its own"],
    "job-role": ["its own"],
    "builder-role": ["its own"],
    "image-builder-role": ["its own"],
  });
});

/** What AWS takes: the services' own models, by the field of the request. */
const LIMITS: Readonly<Record<string, number>> = {
  RoleName: 64,
  InstanceProfileName: 128,
  GroupName: 255,
  Description: 255,
  LaunchTemplateName: 128,
  VersionDescription: 255,
  computeEnvironmentName: 128,
  jobQueueName: 128,
  jobDefinitionName: 128,
  repositoryName: 256,
  logGroupName: 512,
  Comment: 100,
  Name: 128,
};

const SEVERAL = `{ compute: { purchase: spot }, workloads: { bcl2fastq: , ${OTHER}: { compute: { maxVcpus: 99 }, scratch: { kind: none } } } }`;

describe.each(REGIONS)("every name in %s, of the longest environment", (region) => {
  it("is one that AWS takes", async () => {
    expect(LONGEST_NAME.length).toBe(24);
    const graph = await graphOf({ region, yaml: SEVERAL });
    const site = lab(region);
    const asked = listenTo(site);
    for (const node of graph.nodes) await create(site, node);

    const names = asked.flatMap((input) =>
      Object.entries(input).filter(([field, value]) => field in LIMITS && typeof value === "string"),
    ) as (readonly [field: string, value: string])[];
    expect(new Set(names.map(([field]) => field))).toEqual(new Set(Object.keys(LIMITS)));
    const tooLong = names.filter(([field, value]) => value.length > LIMITS[field]!);
    expect(tooLong).toEqual([]);
    expect(names).toContainEqual(["jobQueueName", `${LONGEST_NAME}_${OTHER}`]);
  });
});

/** Every create gets this far and no further: what it asks for is kept, and AWS has nothing. */
function listenTo({ cloud }: Lab): Record<string, unknown>[] {
  const asked: Record<string, unknown>[] = [];
  const { batch, ec2, ecr, fsx, iam, logs, ssm } = cloud;
  const clients: readonly object[] = [batch, ec2, ecr, fsx, iam, logs, ssm];
  // One stack for the types, which differ by nothing that is listened to here.
  for (const { middlewareStack } of clients as readonly {
    readonly middlewareStack: MiddlewareStack<object, object>;
  }[]) {
    const listen = () => async (args: InitializeHandlerArguments<object>) => {
      asked.push({ ...args.input });
      return { output: {}, response: undefined };
    };
    middlewareStack.add(listen, { step: "initialize", name: "listen", priority: "high" });
  }
  return asked;
}

async function create(site: Lab, node: Node<Cloud>): Promise<void> {
  const inputs = node.inputs(new Map(node.needs.map((need) => [need, anything(need)])));
  const context = contextOf(site, node.step, { inputs, name: LONGEST_NAME, node: node.id });
  const temporaries = Object.fromEntries([...node.temporaries].map(([as, held]) => [as, anything(held)]));
  // The empty answer is none that a step could read: what it asked for is all we want.
  await node.step
    .create({ ...context, temporaries })
    .catch((error: unknown) => expect(error).toBeInstanceOf(TypeError));
}

/** An output with whatever one may ask of it. */
function anything(id: string): unknown {
  return new Proxy({}, { get: (_target, field) => `${id}-${String(field)}` });
}
