import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { extract } from "tar-stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config, FilesystemConfig } from "../src/config/config.ts";
import { ConfigError } from "../src/engine/errors.ts";
import { bakeScript, nodeFiles } from "../src/render/bake-script.ts";
import {
  type BuildConfig,
  buildArguments,
  buildContext,
  contextDigests,
  imageSources,
  packedContext,
} from "../src/render/build-context.ts";
import { imageScript } from "../src/render/image-script.ts";
import type { ContextFile } from "../src/render/templates.ts";

const MACHINE: Config["machineImage"] = {
  ...{ os: "al2023", packages: ["jq", "it's"], builderInstanceType: "c5.large", keep: 1, fuseHours: 3 },
};
const HOME = { name: "lab", region: "cn-north-1" };
const LUSTRE: FilesystemConfig = {
  ...{ deploymentType: "SCRATCH_2", storageType: "SSD", capacityGiB: 1200, lustreVersion: "2.15" },
  ...{ compression: "NONE", mountPoint: "/fsx", directories: [] },
};
const BUILD: BuildConfig = {
  ...{ kind: "build", context: { kind: "template", name: "bcl2fastq" }, builder: "auto", args: {}, mirrors: {} },
};

function file(path: string, text: string, mode = 0o644): ContextFile {
  return { path, bytes: Buffer.from(text), mode };
}

/** The shell's own opinion on a script. */
function parses(script: string): void {
  execFileSync("bash", ["-n"], { input: script });
}

describe("the bake", () => {
  it("checks for Lustre's module and tools where there is a file system, and not elsewhere", () => {
    const lists = (script: string) => script.split("\n").filter((line) => /^(modules|tools)=/.test(line));
    expect(lists(bakeScript({ ...HOME, machineImage: MACHINE, filesystem: LUSTRE }))).toEqual([
      "modules=('xfs' 'raid0' 'lustre')",
      "tools=('mkfs.xfs' 'mdadm' 'iptables' 'curl' 'aws' 'mount.lustre' 'lctl')",
    ]);
    expect(lists(bakeScript({ ...HOME, machineImage: MACHINE, filesystem: undefined }))).toEqual([
      "modules=('xfs' 'raid0')",
      "tools=('mkfs.xfs' 'mdadm' 'iptables' 'curl' 'aws')",
    ]);
  });

  it("is a script whatever the packages are called, and another one for other packages", () => {
    const script = bakeScript({ ...HOME, machineImage: MACHINE, filesystem: LUSTRE });
    parses(script);
    expect(script).toContain(`packages=('xfsprogs' 'mdadm' 'awscli-2' 'jq' 'it'\\''s')`);
    expect(bakeScript({ ...HOME, machineImage: { ...MACHINE, packages: [] }, filesystem: LUSTRE })).not.toBe(script);
  });
});

describe("what is put onto a node's disk", () => {
  const files = new Map(
    nodeFiles({ region: "cn-north-1", logGroup: "/bootstrap/lab" }).map((file) => [file.path, file]),
  );
  const unit = (name: string) => files.get(`/etc/systemd/system/${name}`)?.text ?? "";

  it("travels in the bake's command, and changes it with environment and region", () => {
    const bake = (home: typeof HOME) => bakeScript({ ...home, machineImage: MACHINE, filesystem: LUSTRE });
    for (const { path, mode, text } of files.values()) {
      expect(bake(HOME)).toContain(`'${mode} ${path} ${Buffer.from(text).toString("base64")}'`);
    }
    expect(bake({ ...HOME, name: "other" })).not.toBe(bake(HOME));
    expect(bake(HOME).length).toBeLessThan(40_000);
  });

  it("keeps the ECS agent from a node that is not ready, and is bounded by what Batch waits for", () => {
    expect(unit("ecs.service.d/10-bootstrap.conf")).toBe(
      "[Unit]\nAfter=bootstrap-storage.service\nConditionPathExists=/run/bootstrap/ready\n",
    );
    expect(unit("bootstrap-storage.service")).toContain("\nTimeoutStartSec=6min\n");
    expect(unit("bootstrap-deadline.timer")).toContain("\nOnBootSec=9min\n");
    expect(unit("bootstrap-power-off.timer")).toContain("\nOnActiveSec=1min\n");
  });

  it("starts only what is there", () => {
    const started = [...files.values()].flatMap(({ text }) =>
      [...text.matchAll(/^(?:ExecStart|OnFailure|Unit)=(\S+)/gm)].map(([, what]) => what!),
    );
    expect(started.sort()).toEqual([
      "/usr/bin/systemctl",
      "/usr/lib/bootstrap/refuse",
      "/usr/lib/bootstrap/storage",
      "bootstrap-refuse.service",
      "bootstrap-refuse.service",
    ]);
    for (const what of started.filter((name) => name !== "/usr/bin/systemctl")) {
      expect(files.has(what) || files.has(`/etc/systemd/system/${what}`), what).toBe(true);
    }
  });
});

describe("build arguments", () => {
  it("are the config's and the mirrors, under the names that our Dockerfiles know, sorted", () => {
    const mirrors = { baseImage: "mirror/base:1", conda: "https://conda.mirror", packages: "https://packages.mirror" };
    expect(buildArguments({ ...BUILD, args: { TOOL: "2.20" }, mirrors })).toEqual([
      { name: "BASE_IMAGE", value: "mirror/base:1" },
      { name: "CONDA_MIRROR", value: "https://conda.mirror" },
      { name: "PACKAGE_MIRROR", value: "https://packages.mirror" },
      { name: "TOOL", value: "2.20" },
    ]);
  });

  it("are none where nothing is said, and the config's own word beats a mirror", () => {
    expect(buildArguments(BUILD)).toEqual([]);
    expect(buildArguments({ ...BUILD, args: { BASE_IMAGE: "mine" }, mirrors: { baseImage: "theirs" } })).toEqual([
      { name: "BASE_IMAGE", value: "mine" },
    ]);
  });
});

describe("what an image is built from", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "context-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("is one of our folders, by its name", () => {
    expect(buildContext(BUILD).map(({ path }) => path)).toContain("Dockerfile");
  });

  it.each(["plain", "with a space", "100% #1?"])("is the user's own folder, by a path such as %s", (name) => {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, "Dockerfile"), "FROM scratch\n");
    const files = buildContext({ ...BUILD, context: { kind: "folder", path: join(folder, name) } });
    expect(files.map(({ path, bytes }) => [path, bytes.toString()])).toEqual([["Dockerfile", "FROM scratch\n"]]);
  });

  it("has the package of the config in it, and is another image for another package", () => {
    const path = join(folder, "bcl2fastq2.zip");
    const withPackage = { ...BUILD, package: { kind: "file" as const, path } };
    expect(() => buildContext(withPackage)).toThrow(/^container\.package: .*bcl2fastq2\.zip cannot be read: ENOENT/);
    const sources = () => imageSources(withPackage, buildContext(withPackage));
    writeFileSync(path, "one");
    const before = sources();
    expect(Object.keys(before)).toContain("package/bcl2fastq2.zip");
    writeFileSync(path, "another");
    expect(sources()).not.toEqual(before);
    expect(buildArguments(withPackage)).toEqual([{ name: "PACKAGE", value: "bcl2fastq2.zip" }]);
  });

  it("has a package in S3 by its address", () => {
    const inS3 = (key: string) => ({ ...BUILD, package: { kind: "s3" as const, bucket: "lab", key } });
    const sources = imageSources(inS3("illumina/one.rpm"), []);
    expect(sources).toEqual({ "package/one.rpm": "s3://lab/illumina/one.rpm" });
    expect(imageSources(inS3("other/one.rpm"), [])).not.toEqual(sources);
    expect(buildContext(inS3("one.rpm"))).toEqual(buildContext(BUILD));
    expect(buildArguments(inS3("illumina/one.rpm"))).toEqual([{ name: "PACKAGE", value: "one.rpm" }]);
  });

  it("is another image when a file's text, name or executable bit changes, and the same one otherwise", () => {
    writeFileSync(join(folder, "run.sh"), "#!/bin/sh\n");
    const digests = () => contextDigests(buildContext({ ...BUILD, context: { kind: "folder", path: folder } }));
    const before = digests();
    expect(digests()).toEqual(before);
    chmodSync(join(folder, "run.sh"), 0o755);
    expect(digests()).not.toEqual(before);
    const [one, two] = [file("a", "x"), file("b", "x")];
    expect(contextDigests([one])).not.toEqual(contextDigests([two]));
    expect(contextDigests([one])).not.toEqual(contextDigests([file("a", "y")]));
  });
});

describe("a packed context", () => {
  const files = [file("Dockerfile", "FROM scratch\n"), file("bin/run.sh", "#!/bin/sh\n", 0o755)];

  it("unpacks to the same files, the executable bit included", async () => {
    const archive = gunzipSync(Buffer.from(await packedContext(files), "base64"));
    const unpacked: unknown[] = [];
    const reader = extract();
    reader.end(archive);
    for await (const entry of reader) {
      const chunks: Buffer[] = [];
      for await (const chunk of entry) chunks.push(chunk as Buffer);
      unpacked.push([entry.header.name, entry.header.mode, Buffer.concat(chunks).toString()]);
    }
    expect(unpacked).toEqual(files.map(({ path, mode, bytes }) => [path, mode, bytes.toString()]));
  });

  it("is the same text for the same files, so that it is no change", async () => {
    expect(await packedContext(files)).toBe(await packedContext(files));
  });

  it("that does not fit into a command is refused with two ways out", async () => {
    // Hashes do not pack.
    const noise = Array.from({ length: 1_200 }, (_none, at) => createHash("sha256").update(`${at}`).digest());
    const big = { path: "big", bytes: Buffer.concat(noise), mode: 0o644 };
    const error: unknown = await packedContext([big]).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({
      message: expect.stringMatching(/^container\.context: \d\d KB when packed, and at most 40 KB/),
      hint: expect.stringMatching(/docker, podman or buildah.*S3/),
    });
  });

  it("may hold much that packs well", async () => {
    expect((await packedContext([file("zeros", "0".repeat(1_000_000))])).length).toBeLessThan(40 * 1024);
  });

  it("of our own image fits", async () => {
    expect((await packedContext(buildContext(BUILD))).length).toBeLessThan(40 * 1024);
  });
});

describe("the script that builds an image in the region", () => {
  const build = {
    ...{ region: "cn-northwest-1", repositoryName: "demux/bcl2fastq", tag: "0123456789abcdef", contextBase64: "AAAA" },
    repositoryUri: "444455556666.dkr.ecr.cn-northwest-1.amazonaws.com.cn/demux/bcl2fastq",
    buildArgs: [{ name: "BASE_IMAGE", value: "it's $HOME" }],
  };

  it("logs in to the registry of the repository and pushes the one tag", () => {
    const script = imageScript(build);
    parses(script);
    expect(script).toContain("registry='444455556666.dkr.ecr.cn-northwest-1.amazonaws.com.cn'\n");
    expect(script).toContain(`image='${build.repositoryUri}:0123456789abcdef'\n`);
    expect(script).toContain("platform='linux/amd64'\n");
  });

  it("hands build arguments on as they are, whatever is in them", () => {
    expect(imageScript(build)).toContain(`--build-arg 'BASE_IMAGE'"="'it'\\''s $HOME'`);
  });
});
