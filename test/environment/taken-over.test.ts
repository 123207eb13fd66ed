import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Cloud } from "../../src/aws/clients.ts";
import type { Config } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import { fingerprintOf } from "../../src/engine/fingerprint.ts";
import type { Graph, Node } from "../../src/engine/graph.ts";
import type * as page from "../../src/environment/index.ts";
import type { Facts } from "../../src/environment/scope.ts";

let environment: typeof page.environment;

// Templates and presets as small as they can be, which say every value that they are given and never change: what is
// held here is the program and not them. Other tests in this process have their own copy of what reads them.
beforeAll(async () => {
  vi.doMock("../../src/package.ts", () => ({ PACKAGE: new URL("./today/", import.meta.url) }));
  vi.resetModules();
  ({ environment } = await import("../../src/environment/index.ts"));
  return () => {
    vi.doUnmock("../../src/package.ts");
    vi.resetModules();
  };
}, 60_000);

const HOME = fileURLToPath(new URL("today/", import.meta.url));

interface Case {
  readonly region: string;
  readonly yaml: string;
  readonly builder?: "docker";
  readonly forcedAt?: string;
}

/** Every branch that an environment's inputs have. */
const CASES: Readonly<Record<string, Case>> = {
  "as it comes": { region: "us-east-1", yaml: "" },
  minimal: { region: "us-east-1", yaml: "job: { buckets: { read: [my-sequencing-runs] } }" },
  spot: {
    region: "eu-central-1",
    yaml: `
name: demux-spot
compute:
  purchase: spot
  bidPercentage: 70
  instanceTypes: [c5d.9xlarge, c5d.12xlarge, m5d.8xlarge, r5d.8xlarge]
  maxVcpus: 288
job:
  vcpus: 32
  memoryMiB: 60000
  attempts: 3
  timeoutMinutes: 240
  buckets: { read: [my-sequencing-runs], write: [my-fastq-archive] }`,
  },
  guide: {
    region: "cn-northwest-1",
    yaml: `
name: demux
workload: bcl2fastq
filesystem:
  deploymentType: PERSISTENT_1
  storageType: SSD
  capacityGiB: 12000
  throughputPerTiB: 50
  lustreVersion: "2.12"
  mountPoint: /fsx
  directories: [fastq, splited]
scratch: { kind: instance-store, mountPoint: /data }
container:
  mirrors:
    baseImage: registry.example.com/mirror/micromamba:1.5.10-bookworm-slim
    conda: https://conda.example.com/channels
compute: { instanceTypes: [c5d.9xlarge], purchase: on-demand, maxVcpus: 144 }
job: { vcpus: 32, memoryMiB: 64000, buckets: { read: [mybucket] } }`,
  },
  "in China, as it comes": { region: "cn-north-1", yaml: "" },
  "forced, with a local builder": {
    region: "us-east-1",
    yaml: "",
    builder: "docker",
    forcedAt: "2026-11-20T00:00:00.000Z",
  },
  "without Lustre, on a volume of its own": {
    region: "us-east-1",
    yaml: "filesystem: { enabled: false }\nscratch: { kind: ebs, sizeGiB: 500, mountPoint: /scratch }",
  },
  "with a ready image, and no scratch": {
    region: "us-east-1",
    yaml: "container: { image: registry.example.com/bcl2fastq:2.20 }\nscratch: { kind: none }",
  },
  "another preset, with a package in S3": {
    region: "us-east-1",
    yaml: "workload: bclconvert\ncontainer: { package: s3://my-bucket/bcl-convert.rpm }",
  },
  "on a slow disk, and with all that an organisation asks": {
    region: "us-east-1",
    yaml: `
filesystem: { storageType: HDD, throughputPerTiB: 12, driveCache: READ, kmsKeyId: alias/lab, compression: LZ4 }
machineImage: { os: al2, packages: [htop], rootGiB: 100 }
iam: { path: /lab/, permissionsBoundary: "arn:aws:iam::123456789012:policy/bound" }
logs: { retentionDays: 30 }
tags: { cost-center: 42 }`,
  },
  "on scratch storage": {
    region: "us-east-1",
    yaml: "filesystem: { deploymentType: SCRATCH_2, lustreVersion: '2.12' }",
  },
};

const folder = mkdtempSync(join(tmpdir(), "taken-over-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function graphOf({ region, yaml, builder, forcedAt }: Case): Promise<Graph<Cloud>> {
  const file = join(folder, `${fingerprintOf(yaml)}.yaml`);
  writeFileSync(file, yaml);
  const loaded = await loadConfig({ file, workloadsFolder: join(HOME, "workloads"), overrides: { region } });
  const config = resolveConfig(loaded, region);
  return environment(config, factsOf(config, builder ?? "instance", forcedAt));
}

function factsOf(config: Config, builder: "docker" | "instance", forcedAt: string | undefined): Facts {
  const [{ name, compute, container }] = config.workloads;
  const instanceTypes = compute.instanceTypes.map((instanceType, at) => ({
    ...{ instanceType, vcpus: 36 + at, memoryMiB: 73_728 * (at + 1), diskSizesGB: [900, 900].slice(at % 2) },
    ...{ architecture: "x86_64" as const, nvme: true },
  }));
  const build =
    container.kind === "ready"
      ? undefined
      : {
          ...{ builder, folder: "/unused", files: [], digests: { Dockerfile: "644 0" } },
          ...{ args: [{ name: "PROGRAM", value: "x" }], contextBase64: builder === "instance" ? "AAAA" : "" },
          packageInS3: container.package?.kind === "s3" ? container.package : undefined,
        };
  return {
    ...{ account: "123456789012", partition: config.partition.id, vpcId: "vpc-1", subnetId: "subnet-1" },
    ...{ baseImageId: "ami-base", forcedAt },
    workloads: { [name]: { computeSubnetIds: ["subnet-1", "subnet-2"], instanceTypes, build } },
  };
}

/** Something of everything that any kind puts out. */
function outputOf({ id }: Node<Cloud>) {
  return {
    ...{ arn: `arn:aws:x:::${id}`, groupId: "sg-1", logGroupName: "/bootstrap/x", roleName: `x-${id}` },
    ...{ fileSystemId: "fs-1", dnsName: "fs-1.example.com", mountName: "abcd", imageId: "ami-made" },
    ...{ launchTemplateId: "lt-1", version: "1", instanceId: `i-${id}`, repositoryName: "x/y" },
    ...{
      repositoryUri: "123456789012.dkr.ecr.example.com/x/y",
      image: "123456789012.dkr.ecr.example.com/x/y@sha256:0",
    },
  };
}

/** What the manifest and the tags of an environment say: by node its kind, both fingerprints and the edges. */
async function tracesOf(wish: Case): Promise<Readonly<Record<string, string>>> {
  const graph = await graphOf(wish);
  const outputs = new Map(graph.nodes.map((node) => [node.id, outputOf(node)]));
  return Object.fromEntries(
    graph.nodes.map((node) => {
      const { id, step, needs, temporaries, keep } = node;
      const inputs = node.inputs(outputs);
      const prints = [inputs, step.fixed ? step.fixed(inputs) : inputs].map(fingerprintOf);
      return [id, [step.kind, ...prints, needs.join(), [...temporaries.values()].join(), keep].join(" ")];
    }),
  );
}

const known = JSON.parse(readFileSync(join(HOME, "traces.json"), "utf8")) as Readonly<
  Record<string, Readonly<Record<string, string>>>
>;

describe("an environment made by an earlier version", () => {
  it.each(Object.keys(CASES))("is the same to this one: %s", async (name) => {
    const traces = await tracesOf(CASES[name]!);
    expect(Object.entries(traces)).toEqual(Object.entries(known[name]!));
  });

  it("is held in every case that was written down", () => {
    expect(Object.keys(known)).toEqual(Object.keys(CASES));
  });
});
