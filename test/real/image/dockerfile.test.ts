import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { buildArguments, buildContext } from "../../../src/render/build-context.ts";
import { realBuilder } from "./builder.ts";
import { baseImage, condaMirror, condaPackages, PYTHON, rpmOf, zipOf } from "./stand-ins.ts";

let shop: Awaited<ReturnType<typeof imageShop>>;

beforeAll(async () => {
  shop = await imageShop();
  return shop.close;
});

beforeEach(() => {
  shop.asked.length = 0;
});

/** The image as the config says, built by a real builder from stand-ins of base image and channels. */
async function imageShop() {
  const { folder, close: closeBuilder } = realBuilder({});
  const at = (name: string) => {
    mkdirSync(join(folder, name), { recursive: true });
    return join(folder, name);
  };
  baseImage(at("base"));
  condaPackages(at("channels"));
  const mirror = await condaMirror(at("channels"));
  await execa("buildah", ["build", "--format", "docker", "-t", "localhost/base:1", at("base")]);

  async function build(args: Readonly<Record<string, string>> = {}, packagePath?: string) {
    const config = {
      ...{
        kind: "build" as const,
        context: { kind: "template" as const, name: "bcl2fastq" },
        builder: "auto" as const,
      },
      mirrors: { baseImage: "localhost/base:1", conda: mirror.url },
      ...{ args, package: packagePath === undefined ? undefined : { kind: "file" as const, path: packagePath } },
    };
    const context = at("context");
    rmSync(context, { recursive: true });
    for (const { path, bytes, mode } of buildContext(config)) {
      mkdirSync(dirname(join(context, path)), { recursive: true });
      writeFileSync(join(context, path), bytes, { mode });
    }
    const words = buildArguments(config).flatMap(({ name, value }) => ["--build-arg", `${name}=${value}`]);
    const made = ["build", "--format", "docker", "--isolation", "chroot", ...words, "-t", "localhost/made:1", context];
    return execa("buildah", made, { all: true, reject: false });
  }

  /** Runs a line in the image, as a job does. */
  async function run(line: string) {
    const { stdout: container } = await execa("buildah", ["from", "--pull-never", "localhost/made:1"]);
    const { stdout: root } = await execa("buildah", ["mount", container]);
    // On a busy machine buildah may end before it has handed on all that was said.
    const heard = `{ ${line}\n} >/said`;
    await execa("buildah", ["run", "--isolation", "chroot", container, "--", "/bin/sh", "-c", heard]);
    return readFileSync(join(root, "said"), "utf8").trimEnd();
  }

  const config = async () =>
    JSON.parse((await execa("buildah", ["inspect", "--type", "image", "localhost/made:1"])).stdout).Docker.config;

  function close(): void {
    mirror.close();
    closeBuilder();
  }

  return { at, build, run, config, close, asked: mirror.asked };
}

const talks = (words: string) => `#!/bin/sh\necho '${words}'\n`;

describe("the bcl2fastq image, built for real", () => {
  it("comes from the base image and the channels that the mirrors name, and runs its tools as the job does", async () => {
    const { build, run, config, asked } = shop;
    const built = await build();
    expect(built.all).toMatch(/bcl2fastq v2\.20\.0\.422 of a channel\naws-cli\/2\.22\.15\nusage: split\.py/);
    expect(built.exitCode).toBe(0);
    expect(asked.filter((url) => url.endsWith(".tar"))).toEqual([
      "/conda-forge/linux-64/python-3.11.9-0.tar",
      "/conda-forge/linux-64/awscli-2.22.15-0.tar",
      "/bih-cubi/linux-64/bcl2fastq2-2.20.0.422-2.tar",
    ]);
    expect(asked.join()).not.toContain("dranew");
    expect(await config()).toMatchObject({ User: "root", Cmd: ["split.py", "--help"], Shell: ["/bin/sh", "-c"] });
    expect((await config()).Entrypoint ?? []).toEqual([]);
    expect(await run("split.py split --help; command -v bcl2fastq; ls /opt/bootstrap")).toMatch(
      /usage: split\.py split[\s\S]*\n\/opt\/bcl2fastq\/bin\/bcl2fastq\naws\.config\ndemux\nprogram-version\nsplit\.py$/,
    );
    const version = 'import sys; sys.path[0] = "/opt/bootstrap"; from demux import program; print(program.version())';
    expect(await run(`python3 -c '${version}'; cat "$AWS_CONFIG_FILE"`)).toBe(
      "bcl2fastq v2.20.0.422 of a channel\n[default]\ns3 =\n  max_concurrent_requests = 32",
    );
  });

  it("is of the other channel where the first cannot be had, and says so; one that was asked for is not replaced", async () => {
    const { at, build, run } = shop;
    const channel = join(at("channels"), "bih-cubi");
    renameSync(channel, `${channel}.away`);
    try {
      const built = await build();
      expect(built.all).toContain("bcl2fastq2=2.20.0.422 cannot be had: taking bcl2fastq=2.19.0\n");
      expect(built.exitCode).toBe(0);
      expect(await run("cat /opt/bootstrap/program-version")).toBe("bcl2fastq v2.19.0 of a channel");
      const asked = await build({ BCL2FASTQ_CHANNEL: "dranew", BCL2FASTQ_PACKAGE: "bcl2fastq=2.18" });
      expect(asked.exitCode).not.toBe(0);
      expect(asked.all).not.toMatch(/^bcl2fastq=2\.18 cannot be had/m);
    } finally {
      renameSync(`${channel}.away`, channel);
    }
  });

  it("comes from the user's own zip instead, which is no part of it", async () => {
    const { at, build, run, asked } = shop;
    const rpm = rpmOf(at("rpm"), "bcl2fastq2", {
      "usr/local/bin/bcl2fastq": talks("bcl2fastq v2.20.0.422 of our own"),
      "usr/local/share/css/style.css": "",
    });
    const built = await build({}, zipOf(rpm));
    expect(built.all).toContain("bcl2fastq v2.20.0.422 of our own\n");
    expect(built.exitCode).toBe(0);
    expect(asked.join()).not.toContain("dranew");
    expect(await run("command -v bcl2fastq; ls /usr/local/share/css; ls -d /package /unpacked /opt/*; true")).toBe(
      "/usr/local/bin/bcl2fastq\nstyle.css\n/opt/bootstrap\n/opt/tools",
    );
  });

  it("is one of BCL Convert from the user's own RPM", async () => {
    const { at, build, run } = shop;
    const rpm = rpmOf(at("convert"), "bcl-convert", { "usr/bin/bcl-convert": talks("bcl-convert Version 4.2.7") });
    const built = await build({ PROGRAM: "bcl-convert" }, rpm);
    expect(built.all).toContain("bcl-convert Version 4.2.7\n");
    expect(built.exitCode).toBe(0);
    expect(await run("echo $SPLIT_PROGRAM; command -v bcl-convert")).toBe("bcl-convert\n/usr/bin/bcl-convert");
  });

  it("is not made from a package whose program does not run, nor from one without a program", async () => {
    const { at, build } = shop;
    const broken = rpmOf(at("broken"), "bcl2fastq2", { "usr/local/bin/bcl2fastq": "#!/lib/of/another/system\n" });
    const ended = await build({}, broken);
    expect(ended.exitCode).not.toBe(0);
    expect(ended.all).toMatch(/bcl2fastq: not found\n[\s\S]*exit status 127/);
    const empty = join(at("empty"), "package.zip");
    await execa(PYTHON, ["-m", "zipfile", "-c", empty, "/bin/true"]);
    const second = await build({}, empty);
    expect(second.exitCode).not.toBe(0);
    expect(second.all).toContain("there is no RPM in package.zip\n");
  });

  it("fails with the installer's own words when a channel has not got a package", async () => {
    const { build } = shop;
    const ended = await build({ BCL2FASTQ_PACKAGE: "bcl2fastq=1.8" });
    expect(ended.exitCode).not.toBe(0);
    expect(ended.all).toContain("bcl2fastq=1.8 does not exist");
  });
});
