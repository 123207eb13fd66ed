import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { Config } from "../../src/config/config.ts";
import { jsonSchema } from "../../src/config/json-schema.ts";
import { type LoadOptions, loadConfig } from "../../src/config/load.ts";
import { checkConfig, resolveConfig } from "../../src/config/resolve.ts";
import { ConfigError } from "../../src/engine/errors.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const workloadsFolder = join(root, "workloads");
const REGION = "us-east-1";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "config-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function load(yaml: string, options: Partial<LoadOptions> = {}) {
  const file = join(folder, "lab.yaml");
  await writeFile(file, yaml);
  return loadConfig({ file, workloadsFolder, ...options });
}

async function resolved(yaml: string, region = REGION, pins?: Record<string, string>): Promise<Config> {
  return resolveConfig(await load(yaml), region, pins);
}

/** The error's lines, without the temporary folder. */
async function refusal(yaml: string, region: string | undefined = REGION): Promise<string> {
  try {
    const loaded = await load(yaml, { overrides: { region } });
    resolveConfig(loaded, region ?? REGION);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message.replaceAll(`${folder}/`, "");
  }
  throw new Error("it was accepted");
}

describe("where values come from", () => {
  test("no file at all gives the preset's environment", async () => {
    const config = resolveConfig(await loadConfig({ workloadsFolder, workingFolder: folder }), REGION);
    expect(config).toMatchObject({ name: "demux", workloads: [{ name: "bcl2fastq" }], region: REGION });
    expect(config.workloads[0].compute.instanceTypes).toEqual(["c5d.9xlarge"]);
  });

  test("bootstrap.yaml is read where no file is named", async () => {
    await writeFile(join(folder, "bootstrap.yaml"), "name: here");
    expect((await loadConfig({ workloadsFolder, workingFolder: folder })).values.name).toBe("here");
  });

  test("a flag beats the file, and the file beats the preset", async () => {
    const yaml = "name: file\nregion: eu-west-1\nlogs: { retentionDays: 7 }";
    const { values } = await load(yaml, { overrides: { name: "flag", region: undefined } });
    expect(values).toMatchObject({ name: "flag", region: "eu-west-1", logs: { retentionDays: 7 }, iam: { path: "/" } });
  });

  test("a section overrides key by key, a list as a whole", async () => {
    const { filesystem } = await resolved("filesystem: { directories: [runs] }");
    expect(filesystem).toMatchObject({ directories: ["runs"], mountPoint: "/fsx" });
  });

  test("a key with nothing after it asks for the default", async () => {
    const config = await resolved("name:\nfilesystem:\n  # capacityGiB: 2400\ncompute:\n  purchase:\n");
    expect(config.name).toBe("demux");
    expect(config.workloads[0].compute.purchase).toEqual({ kind: "on-demand" });
  });

  test("numbers and yes/no become the texts that AWS wants", async () => {
    const { workloads } = await resolved("job: { environment: { THREADS: 8, KEEP: true }, parameters: { lane: 1 } }");
    const [{ job }] = workloads;
    expect(job.environment).toEqual({ THREADS: "8", KEEP: "true" });
    expect(job.parameters).toMatchObject({ lane: "1" });
  });

  test("a context with a slash is a folder beside the config file, a bare word one of ours", async () => {
    const own = await resolved("container: { context: ./image }");
    expect(own.workloads[0].container).toMatchObject({ context: { kind: "folder", path: join(folder, "image") } });
    const ours = await resolved("{}");
    expect(ours.workloads[0].container).toMatchObject({ context: { kind: "template", name: "bcl2fastq" } });
  });

  test("a package is a file beside the config file, or an object in S3", async () => {
    const file = await resolved("container: { package: ./illumina/bcl2fastq2.zip }");
    expect(file.workloads[0].container).toMatchObject({
      package: { kind: "file", path: join(folder, "illumina/bcl2fastq2.zip") },
    });
    const object = await resolved("container: { package: s3://my-lab/illumina/bcl-convert-4.2.7-2.el8.x86_64.rpm }");
    expect(object.workloads[0].container).toMatchObject({
      package: { kind: "s3", bucket: "my-lab", key: "illumina/bcl-convert-4.2.7-2.el8.x86_64.rpm" },
    });
    expect((await resolved("{}")).workloads[0].container).toMatchObject({ package: undefined });
  });

  test("a ready image leaves nothing to build", async () => {
    const image = "registry.example.com/tools/bcl2fastq:2.20";
    expect((await resolved(`container: { image: "${image}" }`)).workloads[0].container).toEqual({
      kind: "ready",
      image,
    });
  });

  test("an update waits for as long as a job may run, unless told to wait longer", async () => {
    expect((await resolved("job: { timeoutMinutes: 99 }")).workloads[0].compute.updateTimeoutMinutes).toBe(99);
    const longer = await resolved("job: { timeoutMinutes: 99 }\ncompute: { updateTimeoutMinutes: 100 }");
    expect(longer.workloads[0].compute.updateTimeoutMinutes).toBe(100);
  });

  test("a workload without Lustre has no file system", async () => {
    const config = await resolved("filesystem: { enabled: false }");
    expect(config.filesystem).toBeUndefined();
    expect(config.pins).toEqual({});
  });
});

describe("tags", () => {
  test("are texts, whatever YAML takes a value for; none is the same as no section", async () => {
    expect((await resolved("tags: { cost-center: 4711, 'lab/team': Größe 1, keep: true }")).tags).toEqual({
      ...{ "cost-center": "4711", "lab/team": "Größe 1", keep: "true" },
    });
    expect((await resolved("{}")).tags).toEqual({});
  });

  test.each(["bootstrap:env", "Bootstrap:x", "aws:x", "AWS:x", "Name", "a*b", ""])("have no key %j", async (key) => {
    expect(await refusal(`tags: { ${JSON.stringify(key)}: x }`)).toMatch(/tags/);
  });

  test("are no more than a thing can take, and no longer", async () => {
    const many = Array.from({ length: 41 }, (_, at) => `k${at}: x`).join(", ");
    expect(await refusal(`tags: { ${many} }`)).toMatch(/must not be more than 40/);
    expect(await refusal(`tags: { team: "${"x".repeat(257)}" }`)).toMatch(/tags\.team/);
    expect(await refusal("tags: { team: '<b>' }")).toMatch(/tags\.team/);
  });
});

describe("what is refused", () => {
  test("BCL Convert without its maker's package, which nobody else may hand out", async () => {
    expect(await refusal("workload: bclconvert")).toMatch(
      /container\.package: name it in your config: bclconvert needs/,
    );
    const { name, workloads } = await resolved("{ workload: bclconvert, container: { package: bcl-convert.rpm } }");
    expect(name).toBe("convert");
    expect(workloads[0].container).toMatchObject({ args: { PROGRAM: "bcl-convert" } });
    const ready = await resolved("{ workload: bclconvert, container: { image: registry.example.com/convert:1 } }");
    expect(ready.workloads[0].container.kind).toBe("ready");
  });

  test.each([
    ["{ package: s3://my-lab/one.rpm, builder: docker }", "goes with builder instance, not docker"],
    ["{ package: ./one.rpm, builder: instance }", "a file on disk cannot be sent to an instance"],
    ["{ package: ./one.tar.gz }", "must be an RPM, or a zip that holds one"],
    ["{ package: https://my-lab.example/one.rpm }", "must be an RPM, or a zip that holds one"],
    ["{ package: s3://MyLab/one.rpm }", "must be an RPM, or a zip that holds one"],
    ['{ package: "s3://my-lab/*.rpm" }', "must be an RPM, or a zip that holds one"],
  ])("a package that its builder cannot have: %s", async (container, reason) => {
    expect(await refusal(`container: ${container}`)).toMatch(
      new RegExp(`^lab\\.yaml:1: container\\.package: .*${reason}`),
    );
  });

  test("a capacity between the steps, with the nearest ones", async () => {
    expect(await refusal("filesystem:\n  capacityGiB: 3000")).toBe(
      "lab.yaml:2: filesystem.capacityGiB: 3000 GiB cannot be had; nearest: 2400 or 4800 " +
        "(PERSISTENT_2 SSD: 1200, then steps of 2400)",
    );
  });

  test("a throughput that the type lacks, with the types that have others", async () => {
    expect(await refusal("filesystem: { throughputPerTiB: 50 }")).toBe(
      "lab.yaml:1: filesystem.throughputPerTiB: PERSISTENT_2 SSD has no 50 MB/s/TiB; allowed: 125, 250, 500, 1000 " +
        "(PERSISTENT_1 SSD: 50, 100, 200; PERSISTENT_1 HDD: 12, 40)",
    );
  });

  test("everything at once, in the order of the file", async () => {
    const yaml = [
      "name: Lab_1",
      "regoin: us-east-1",
      "filesystem:",
      "  capacityGiB: 3000",
      "  mountPoint: /etc/lustre",
      "compute: { purchase: spot, bidPercentage: 0 }",
      'job: { buckets: { read: ["s3://runs"], wirte: [] }, environment: { AWS_BATCH_X: 1 } }',
      "logs: { retentionDays: 31 }",
    ].join("\n");
    const lines = (await refusal(yaml)).split("\n");
    expect(lines.map((line) => line.split(": ").slice(0, 2).join(" "))).toEqual([
      "lab.yaml:1 name",
      "lab.yaml:2 regoin",
      "lab.yaml:4 filesystem.capacityGiB",
      "lab.yaml:5 filesystem.mountPoint",
      "lab.yaml:6 compute.bidPercentage",
      "lab.yaml:7 job.environment.AWS_BATCH_X",
      "lab.yaml:7 job.buckets.read[0]",
      "lab.yaml:7 job.buckets.wirte",
      "lab.yaml:8 logs.retentionDays",
    ]);
  });

  test.each([
    ["regoin: us-east-1", "lab.yaml:1: regoin: unknown key; did you mean region?"],
    ["job: { wirte: 1 }", /job\.wirte: unknown key; allowed: vcpus, memoryMiB, /],
    ["job: { buckets: { wirte: [] } }", "lab.yaml:1: job.buckets.wirte: unknown key; did you mean write?"],
    ["job: { vcpus: many }", 'lab.yaml:1: job.vcpus: "many" given; must be a whole number from 1 to 1024'],
    ["filesystem: { lustreVersion: 2.12 }", /2\.12 given; must be one of .* in quotes$/],
    ["filesystem: { deploymentType: SCRATCH_1 }", /must be one of SCRATCH_2, PERSISTENT_1, PERSISTENT_2$/],
    ["filesystem: { storageType: HDD, deploymentType: PERSISTENT_2 }", /PERSISTENT_2 has no HDD; allowed: SSD$/],
    ["filesystem: { storageType: HDD, capacityGiB: 1800 }", /nearest: 6000 \(PERSISTENT_1 HDD: steps of 6000\)$/],
    ["filesystem: { deploymentType: SCRATCH_2, throughputPerTiB: 200 }", /SCRATCH_2 SSD has no 200.*leave it out/],
    ["filesystem: { deploymentType: PERSISTENT_1, lustreVersion: '2.10' }", /client of al2023 cannot mount 2\.10/],
    ["filesystem: { driveCache: READ }", /driveCache: goes with storageType HDD only$/],
    ["filesystem: { deploymentType: SCRATCH_2, kmsKeyId: alias/lab }", /kmsKeyId: SCRATCH_2 takes no key of yours/],
    ["filesystem: { kmsKeyId: 'arn:aws:kms:eu-west-1:123456789012:key/1' }", /is not in us-east-1$/],
    ["scratch: { mountPoint: /fsx/scratch }", /must not contain each other$/],
    ["scratch: { kind: ebs }", /scratch\.sizeGiB: is missing/],
    ["scratch: { sizeGiB: 100 }", /goes with kind ebs only, not instance-store$/],
    ["compute: { minVcpus: 200 }", /200 given; must not be above maxVcpus \(144\)$/],
    ["compute: { bidPercentage: 50 }", /goes with purchase spot only, not on-demand$/],
    ["compute: { instanceTypes: [] }", /must name at least one instance type$/],
    ["compute: { instanceTypes: [c5d] }", /instanceTypes\[0\]: "c5d" given; must be an instance type with its size/],
    ["compute: { subnetIds: [subnet-01234567, subnet-01234567] }", /must not hold the same twice$/],
    ["compute: { updateTimeoutMinutes: 10 }", /less than job\.timeoutMinutes \(360\) kills jobs$/],
    ["job: { vcpus: 200 }", /must not be above compute\.maxVcpus \(144\)$/],
    ["job: { command: [''] }", /job\.command\[0\]: "" given; must not be empty/],
    ["network: { vpcId: 12 }", /vpcId: 12 given; must be a VPC's id/],
    ["iam: { path: lab }", /must be a path that begins and ends with a slash$/],
    ["iam: { permissionsBoundary: 'arn:aws-cn:iam::123456789012:policy/b' }", /not of us-east-1's partition, aws$/],
    ["machineImage: { packages: ['a; reboot'] }", /"a; reboot" given; must be an RPM package's name$/],
    ["workload: nextflwo", 'lab.yaml:1: workload: there is no "nextflwo"; allowed: bcl2fastq, bclconvert'],
    ["workload: ../../etc/passwd", /must be a workload's name/],
    ["name: lab-", /must be 3 to 24 lower-case letters/],
    ["name: sg-lab", /"sg-lab" given; must be .* not beginning sg-$/],
    ["scratch: { mountPoint: /opt }", /"\/opt" given; must not lie in a directory of the operating system$/],
    ["filesystem: { mountPoint: /opt/bootstrap }", /must not lie in a directory of the operating system$/],
    ["filesystem: { mountPoint: /home }", /must not lie in a directory of the operating system$/],
    [
      "container: { mirrors: { conda: 'https://lab:s3cret@conda.example.com/x' } }",
      /mirrors\.conda: "https:\/\/\.\.\.@conda\.example\.com\/x" given; must be .*without a user, a password/,
    ],
    [
      "container: { mirrors: { packages: 'https://token@example.com' } }",
      /"https:\/\/\.\.\.@example\.com" given; must/,
    ],
    [
      "container: { mirrors: { conda: 'https://example.com/{{ssm:x}}' } }",
      /must be .*without a user, a password or \{\{$/,
    ],
    [
      "container: { args: { TOKEN: 'a{{ssm:secret}}' } }",
      /container\.args: .*given; must not hold \{\{: Systems Manager/,
    ],
    ["[1, 2]", /^lab\.yaml:1: \[ 1, 2 \] given; must be sections and keys/],
    ["name: a\nname: b", /^lab\.yaml:2:1: Map keys must be unique/],
    ["filesystem:\n\tenabled: true", /^lab\.yaml:2:1: /],
    [
      "container: { args: { VERSION: 2.20 } }",
      /args\.VERSION: 2\.20 would be read as 2\.2; if it is a text, put it into/,
    ],
    [
      "job:\n  environment:\n    ACCOUNT: 012345678901",
      /^lab\.yaml:3: job\.environment\.ACCOUNT: 012345678901 would be/,
    ],
    ["name: !!merge lab", /^lab\.yaml:1:7: Unresolved tag: tag:yaml\.org,2002:merge$/],
    ["job: !!set { vcpus }", /^lab\.yaml:1:6: Unresolved tag/],
    ["job: { environment: { __proto__: a } }", "lab.yaml:1: job.environment.__proto__: no key can have this name"],
    ["name: lab\n? [a, b]\n: c", "lab.yaml:2: a key must be one word"],
    ['job: { environment: { A: "\\ud800" } }', /^lab\.yaml:1: job\.environment\.A: holds a NUL or half a character$/],
    ["container: { context: 'a?b' }", /must be the name of a folder in templates\/docker/],
  ])("%s", async (yaml, message) => {
    const text = await refusal(yaml);
    if (typeof message === "string") expect(text).toBe(message);
    else expect(text).toMatch(message);
  });

  test("and not what is beside it", async () => {
    const yaml = `
name: sgx-lab
filesystem: { mountPoint: /options }
scratch: { mountPoint: /homes }
container: { args: { A: "{x}", N: 7 }, mirrors: { conda: "https://example.com/a@b?c=d@e" } }
job: { environment: { B: "{{x}}" } }`;
    expect(await resolved(yaml)).toMatchObject({ name: "sgx-lab", workloads: [{ scratch: { mountPoint: "/homes" } }] });
  });

  test("a config without a name", async () => {
    await expect(loadConfig({ file: "", workloadsFolder })).rejects.toThrow('--config "": no file is named');
  });

  test("a wrong flag, by the command line's name", async () => {
    const wrong = load("", { overrides: { name: "NO", region: "us-east-1a" } });
    await expect(wrong).rejects.toThrow(
      /^command line: name: "NO" given; .*\ncommand line: region: "us-east-1a" given/,
    );
  });

  test("a file that is not there, and one that is no file", async () => {
    await expect(loadConfig({ file: join(folder, "no.yaml"), workloadsFolder })).rejects.toThrow(
      /there is no such file/,
    );
    await expect(loadConfig({ file: folder, workloadsFolder })).rejects.toThrow(/it is a folder/);
  });

  test("a preset that leaves something out, by its own name", async () => {
    await writeFile(join(folder, "short.yaml"), "name: short\nlogs: { retentionDays: 31 }");
    const error = await load("workload: short", { workloadsFolder: folder }).catch((thrown: Error) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect(String(error)).toMatch(/workloads\/short\.yaml:2: logs\.retentionDays: 31 given/);
    expect(String(error)).toMatch(/compute: is missing/);
  });

  test.each([
    ["nesting without end", `a: ${"[".repeat(20_000)}`],
    [
      "an alias bomb",
      [
        "a: &a [x]",
        ...[..."bcdefghijkl"].map((key, i) => `${key}: &${key} [${`*${"abcdefghijk"[i]}, `.repeat(9)}]`),
      ].join("\n"),
    ],
    ["a section inside itself", "filesystem: &f { network: *f }\njob: &j { environment: *j }"],
    ["a prototype", "__proto__: { name: x }\njob: { __proto__: { vcpus: 1 }, constructor: 1 }"],
    ["keys that are no texts", "? [a, b]\n: 1\n? { c: d }\n: 2\n1: 3\nnull: 4"],
    ["control characters", '"\\e[31mred": "\\e[0m\\a"'],
    ["tags", "name: !!binary aGk=\nregion: !!set { a }\njob: !custom { vcpus: 1 }"],
    ["two documents", "name: a\n---\nname: b"],
    [
      "numbers out of range",
      "job: { vcpus: 1e999, memoryMiB: .nan, attempts: -0.5, timeoutMinutes: 99999999999999999999 }",
    ],
    ["what is not text", "\u0000\u0001\u0002\ufffd"],
    ["far too much", "#".repeat(1_000_001)],
  ])("throws nothing but ConfigError at %s", async (_what, yaml) => {
    const text = await refusal(yaml);
    expect([...text].filter((char) => char < " " && char !== "\n")).toEqual([]);
    expect(text.length).toBeLessThan(5_000);
  });
});

describe("what the region decides", () => {
  test.each([
    ["us-east-1", "PERSISTENT_2", 125, "2.15"],
    ["eu-west-3", "PERSISTENT_1", 50, "2.15"],
    ["us-gov-west-1", "PERSISTENT_1", 50, "2.15"],
    ["cn-northwest-1", "PERSISTENT_1", 50, "2.12"],
    ["ap-southeast-5", "PERSISTENT_2", 125, "2.15"],
  ])("%s gets the smallest %s", async (region, deploymentType, throughputPerTiB, lustreVersion) => {
    const { filesystem } = await resolved("{}", region);
    expect(filesystem).toMatchObject({ deploymentType, throughputPerTiB, lustreVersion, capacityGiB: 1200 });
  });

  test("HDD is of the one type that has it", async () => {
    const { filesystem } = await resolved("filesystem: { storageType: HDD, throughputPerTiB: 40 }");
    expect(filesystem).toMatchObject({ deploymentType: "PERSISTENT_1", capacityGiB: 1800, driveCache: "NONE" });
  });

  test("China's PERSISTENT_2 and 2.15 are left for FSx to refuse, where the config names them", async () => {
    const named = await resolved("filesystem: { deploymentType: PERSISTENT_2, lustreVersion: '2.15' }", "cn-north-1");
    expect(named.filesystem).toMatchObject({ throughputPerTiB: 125, lustreVersion: "2.15" });
    const half = await resolved("filesystem: { deploymentType: PERSISTENT_2 }", "cn-north-1");
    expect(half.filesystem).toMatchObject({ lustreVersion: "2.12" });
  });

  // https://docs.aws.amazon.com/fsx/latest/LustreGuide/using-fsx-lustre.html, the table of regions
  test.each(["ap-east-2", "ap-southeast-5", "ap-southeast-7", "ca-west-1", "mx-central-1", "il-central-1"])(
    "%s has PERSISTENT_2 at 125 and 250, and no PERSISTENT_1",
    async (region) => {
      expect((await resolved("filesystem: { throughputPerTiB: 250 }", region)).filesystem).toMatchObject({
        deploymentType: "PERSISTENT_2",
      });
      expect(await refusal("filesystem: { throughputPerTiB: 500 }", region)).toMatch(/no 500 MB.*allowed: 125, 250/);
      expect(await refusal("filesystem: { deploymentType: PERSISTENT_1 }", region)).toMatch(
        /PERSISTENT_1 is not offered in .*; allowed there: /,
      );
      expect(await refusal("filesystem: { storageType: HDD }", region)).toMatch(/storageType: there is no HDD in/);
    },
  );

  test("of the youngest regions only Tel Aviv has SCRATCH_2", async () => {
    const yaml = "filesystem: { deploymentType: SCRATCH_2 }";
    expect((await resolved(yaml, "il-central-1")).filesystem).toMatchObject({ deploymentType: "SCRATCH_2" });
    expect(await refusal(yaml, "ca-west-1")).toMatch(/allowed there: PERSISTENT_2$/);
  });

  test("keys that only another choice fits are refused when what was chosen before is known", async () => {
    const loaded = await load("filesystem: { throughputPerTiB: 200 }", { overrides: { region: REGION } });
    expect(() => checkConfig(loaded, REGION)).not.toThrow();
    expect(() => resolveConfig(loaded, REGION)).toThrow(/PERSISTENT_2 SSD has no 200/);
    const pins = { "filesystem.deploymentType": "PERSISTENT_1" };
    expect(resolveConfig(loaded, REGION, pins).filesystem).toMatchObject({ throughputPerTiB: 200 });
  });

  test("keys that only another choice fits do not matter where nothing is to be made, as by teardown without a manifest", async () => {
    const loaded = await load("filesystem: { throughputPerTiB: 200 }", { overrides: { region: REGION } });
    expect(resolveConfig(loaded, REGION, null)).toMatchObject({ region: REGION, workloads: [{ name: "bcl2fastq" }] });
    const never = await load("filesystem: { deploymentType: SCRATCH_2 }");
    expect(() => resolveConfig(never, "ca-west-1", null)).toThrow(/allowed there: PERSISTENT_2$/);
  });

  test("a version that lives and that the image cannot mount is refused, not raised", async () => {
    const pins = { "filesystem.deploymentType": "PERSISTENT_1", "filesystem.lustreVersion": "2.10" };
    await expect(resolved("{}", REGION, pins)).rejects.toThrow(
      "filesystem.lustreVersion: the Lustre client of al2023 cannot mount 2.10, which the file system has; allowed: 2.12, 2.15",
    );
  });

  test("what was chosen once stays chosen, and is told as pins", async () => {
    const first = await resolved("filesystem: { capacityGiB: 2400 }");
    expect(first.pins).toEqual({
      "filesystem.deploymentType": "PERSISTENT_2",
      "filesystem.storageType": "SSD",
      "filesystem.capacityGiB": "2400",
      "filesystem.throughputPerTiB": "125",
      "filesystem.lustreVersion": "2.15",
    });
    const pins = { "filesystem.deploymentType": "PERSISTENT_1", "filesystem.lustreVersion": "2.12" };
    const later = await resolved("{}", REGION, pins);
    expect(later.filesystem).toMatchObject({
      deploymentType: "PERSISTENT_1",
      throughputPerTiB: 50,
      lustreVersion: "2.12",
    });
    expect(later.pins).toMatchObject(pins);
  });

  test("the config beats a pin, and a pin that no longer fits is dropped", async () => {
    const pins = { "filesystem.throughputPerTiB": "125", "filesystem.lustreVersion": "2.15" };
    const { filesystem } = await resolved(
      "filesystem: { deploymentType: PERSISTENT_1, lustreVersion: '2.12' }",
      REGION,
      pins,
    );
    expect(filesystem).toMatchObject({ throughputPerTiB: 50, lustreVersion: "2.12" });
  });

  test("a region that comes late is checked all the same", async () => {
    const loaded = await load("filesystem: { capacityGiB: 3000 }");
    expect(() => resolveConfig(loaded, REGION)).toThrow(/3000 GiB cannot be had/);
    expect(() => resolveConfig(loaded, "us-esat-1")).toThrow(/"us-esat-1" is not an AWS region/);
  });
});

describe("several workloads", () => {
  const BOTH = "container: { package: s3://tools/convert.rpm }";

  test("are named in a list, or in sections that say what each has otherwise", async () => {
    const listed = await resolved(`{ workloads: [bcl2fastq, bclconvert], ${BOTH} }`);
    expect(listed.workloads.map(({ name }) => name)).toEqual(["bcl2fastq", "bclconvert"]);
    expect(listed.name).toBe("demux");
    const { workloads } = await resolved(`
job: { attempts: 3, timeoutMinutes: 100 }
workloads:
  bclconvert: { ${BOTH}, job: { attempts: 4 } }
  bcl2fastq:`);
    expect(workloads).toMatchObject([
      { name: "bclconvert", job: { attempts: 4, timeoutMinutes: 100 } },
      { name: "bcl2fastq", job: { attempts: 3, timeoutMinutes: 100 }, container: { package: undefined } },
    ]);
  });

  test("are refused beside a workload, twice, unknown, or without any", async () => {
    expect(await refusal("{ workload: bcl2fastq, workloads: [bcl2fastq] }")).toMatch(/workloads: goes in place of/);
    expect(await refusal("workloads: [bcl2fastq, bcl2fastq]")).toMatch(/workloads: .*must not hold the same twice/);
    expect(await refusal("workloads: []")).toMatch(/workloads: .*must name at least one/);
    expect(await refusal("workloads: {}")).toMatch(/workloads: .*must name at least one/);
    expect(await refusal("workloads: 3")).toMatch(
      /workloads: 3 given; must be a list of workloads' names, or a section/,
    );
    expect(await refusal("workloads: [nobodys]")).toMatch(/there is no "nobodys"; allowed: bcl2fastq, bclconvert/);
  });

  test("say where a wrong key stands, whatever it is that is wrong with it", async () => {
    expect(await refusal("workloads:\n  bcl2fastq:\n    job: { vcpus: none }")).toMatch(
      /:3: workloads\.bcl2fastq\.job\.vcpus: "none" given/,
    );
    expect(await refusal("workloads:\n  bcl2fastq:\n    jobs: {}")).toMatch(
      /:3: .*jobs: unknown key; did you mean job\?/,
    );
    expect(await refusal("workloads:\n  bcl2fastq:\n    job: { vcpu: 3 }")).toMatch(
      /vcpu: unknown key; did you mean vcpus/,
    );
    expect(await refusal("workloads:\n  bcl2fastq:\n    job: { vcpus: 500 }")).toMatch(
      /:3: workloads\.bcl2fastq\.job\.vcpus: 500 given; must not be above compute\.maxVcpus/,
    );
    expect(
      await refusal("job: { vcpus: 500 }\nworkloads: [bcl2fastq, bclconvert]\ncontainer: { image: a/b:1 }"),
    ).toMatch(/^[^\n]*:1: job\.vcpus: 500 given[^\n]*$/);
  });

  test("that want what is shared otherwise are both named, and the field", async () => {
    const presets = join(folder, "presets");
    await mkdir(presets, { recursive: true });
    const preset = await readFile(join(workloadsFolder, "bcl2fastq.yaml"), "utf8");
    const other = preset
      .replace("workload: bcl2fastq", "workload: wgs")
      .replace("os: al2023", "os: al2")
      .replace("mountPoint: /fsx", "mountPoint: /lustre")
      .replace("directories: [fastq, splited]", "directories: [bam]")
      .replace("packages: []", "packages: [htop]");
    await writeFile(join(presets, "bcl2fastq.yaml"), preset);
    await writeFile(join(presets, "wgs.yaml"), other);
    const both = (yaml: string) => load(`{ workloads: [bcl2fastq, wgs], ${yaml} }`, { workloadsFolder: presets });
    await expect(both("")).rejects.toThrow(
      /filesystem\.mountPoint: bcl2fastq wants "\/fsx" and wgs wants "\/lustre"[\s\S]*machineImage\.os: bcl2fastq wants "al2023" and wgs wants "al2", and it is shared/,
    );
    const agreed = resolveConfig(await both("machineImage: { os: al2023 }, filesystem: { mountPoint: /fsx }"), REGION);
    expect(agreed.machineImage.packages).toEqual(["htop"]);
    expect(agreed.filesystem?.directories).toEqual(["fastq", "splited", "bam"]);
  });

  test("whose name makes a role's longer than IAM takes are refused", async () => {
    expect(
      await refusal(
        `{ name: a23456789-b23456789-c234, workloads: [bcl2fastq, bclconvert], ${BOTH} }`,
        "ap-northeast-1",
      ),
    ).toMatch(
      /bclconvert makes the name of a role \(.*image-builder-role\.bclconvert\) \d+ characters longer than IAM takes/,
    );
  });
});

describe("what comes with the package", () => {
  test("the examples are read without a word", async () => {
    const names = (await readdir(join(root, "examples"))).filter((name) => name.endsWith(".yaml"));
    expect(names).toContain("guide.yaml");
    for (const name of names) {
      const loaded = await loadConfig({ file: join(root, "examples", name), workloadsFolder });
      expect(resolveConfig(loaded, loaded.values.region ?? REGION).workloads[0].name).toBe("bcl2fastq");
    }
  });

  test("the guide's example is the guide's environment", async () => {
    const loaded = await loadConfig({ file: join(root, "examples/guide.yaml"), workloadsFolder });
    const config = resolveConfig(loaded, loaded.values.region!);
    expect(config).toMatchObject({
      region: "cn-northwest-1",
      partition: { id: "aws-cn", dnsSuffix: "amazonaws.com.cn" },
      filesystem: { deploymentType: "PERSISTENT_1", capacityGiB: 12000, throughputPerTiB: 50, lustreVersion: "2.12" },
      workloads: [{ compute: { instanceTypes: ["c5d.9xlarge"] }, job: { vcpus: 32, memoryMiB: 64000 } }],
    });
  });

  test("the JSON Schema is the one written out (npx tsx scripts/write-schema.ts)", async () => {
    const preset = parse(await readFile(join(workloadsFolder, "bcl2fastq.yaml"), "utf8"));
    const written = JSON.parse(await readFile(join(root, "bootstrap.schema.json"), "utf8"));
    expect(written).toEqual(JSON.parse(JSON.stringify(jsonSchema(preset))));
  });

  test("the JSON Schema tells defaults, and refuses unknown keys", async () => {
    const { properties } = jsonSchema({ logs: { retentionDays: 90 } }) as { properties: { logs: unknown } };
    expect(properties.logs).toMatchObject({
      additionalProperties: false,
      properties: { retentionDays: { default: 90, enum: expect.arrayContaining([1, 3653]) } },
    });
  });
});
