import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DescribeJobDefinitionsCommand } from "@aws-sdk/client-batch";
import { CreateRepositoryCommand, DescribeImagesCommand, type ECRClient } from "@aws-sdk/client-ecr";
import { execa } from "execa";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { AbortedError, StepError } from "../../../src/engine/errors.ts";
import { contextDigests } from "../../../src/render/build-context.ts";
import type { ContextFile } from "../../../src/render/templates.ts";
import { type ContainerImageInputs, containerImage } from "../../../src/steps/container-image/container-image.ts";
import { Site } from "../../environment/site.ts";
import { contextOf, lab, settle } from "../../steps/harness.ts";
import { dockerEngine, processesWith, type RealBuilder, realBuilder } from "./builder.ts";
import { OTHER_USER, type RealRegistry, realRegistry } from "./registry.ts";

const REPOSITORY = "demux/bcl2fastq";
const SHELL = readFileSync("/bin/busybox");

type Program = "buildah" | "docker";

async function realParts(ecr: ECRClient, program: Program = "buildah") {
  const registry = await realRegistry(ecr);
  onTestFinished(registry.close);
  const builder = realBuilder(registry.env, program);
  onTestFinished(builder.close);
  if (program === "docker") onTestFinished((await dockerEngine(builder)).close);
  return { registry, builder };
}

/** One repository in a real registry, and what it takes to build into it. */
async function workshop(program: Program = "buildah") {
  const world = lab();
  const { registry, builder } = await realParts(world.cloud.ecr, program);
  const { repository } = await world.cloud.ecr.send(
    new CreateRepositoryCommand({ repositoryName: REPOSITORY, imageTagMutability: "IMMUTABLE" }),
  );
  const repositoryUri = repository!.repositoryUri!;

  /** The step's own verb, with these lines for a Dockerfile. */
  function placed(dockerfile: readonly string[], change: Partial<ContainerImageInputs> = {}) {
    const files: readonly ContextFile[] = [
      { path: "Dockerfile", bytes: Buffer.from(`${dockerfile.join("\n")}\n`), mode: 0o644 },
      { path: "busybox", bytes: SHELL, mode: 0o755 },
    ];
    const folder = mkdtempSync(join(tmpdir(), "bootstrap-building-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const step = containerImage({ builder: program, files, folder });
    const inputs = {
      ...{ repositoryName: REPOSITORY, repositoryUri, platform: "linux/amd64" as const, buildArgs: [] },
      context: contextDigests(files),
      ...change,
    };
    const context = contextOf(world, step, { inputs });
    return {
      context,
      create: (more: Partial<typeof context> = {}) => step.create({ ...context, ...more }),
      found: async () => (await settle(world, step, context)).output,
    };
  }

  return { world, registry, builder, repositoryUri, placed };
}

const FROM_NOTHING = ["FROM scratch", "COPY busybox /bin/sh"];

async function failureOf(made: Promise<unknown>): Promise<Error> {
  return made.then(
    () => expect.fail("it was built"),
    (error: Error) => error,
  );
}

async function held({ manifest, blob }: RealRegistry, reference: string) {
  const { digest, mediaType, text } = await manifest(REPOSITORY, reference);
  const body = JSON.parse(text);
  const config = JSON.parse((await blob(REPOSITORY, body.config.digest)).text);
  return { digest, mediaType, body, config };
}

/** The builder's own processes, but for an engine that goes on. */
function builders({ folder }: RealBuilder): readonly string[] {
  return processesWith(`TMPDIR=${join(folder, "storage")}`).filter((pid) => !/^(dockerd|containerd)/.test(nameOf(pid)));
}

function nameOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8");
  } catch {
    return "";
  }
}

function verbs(builder: RealBuilder): readonly string[] {
  return builder.calls().map(([verb]) => verb!);
}

describe("up with a real builder and a real registry", () => {
  it("pushes what the job definition names, once, and follows a changed file", async () => {
    // The registry stands in the way of ECR's client, which answers without bytes would pass by.
    const site = new Site("us-east-1", lab("us-east-1", { oversleep: 10 }));
    const { registry, builder } = await realParts(site.lab.cloud.ecr);
    const context = join(builder.folder, "context");
    mkdirSync(context);
    writeFileSync(join(context, "busybox"), SHELL, { mode: 0o755 });
    const yaml = `container: { builder: buildah, context: ${context} }`;
    const up = async (words: string) => {
      writeFileSync(join(context, "Dockerfile"), [...FROM_NOTHING, `RUN echo ${words}`, ""].join("\n"));
      const ran = await site.up(yaml);
      expect(ran.summary?.failures ?? []).toEqual([]);
      return ran;
    };
    const images = async () => {
      const { cloud } = site.lab;
      const { imageDetails } = await cloud.ecr.send(new DescribeImagesCommand({ repositoryName: REPOSITORY }));
      const { jobDefinitions } = await cloud.batch.send(new DescribeJobDefinitionsCommand({ status: "ACTIVE" }));
      return {
        pushed: imageDetails!,
        used: jobDefinitions!.map(({ containerProperties }) => containerProperties?.image),
      };
    };

    await up("first");
    const first = await images();
    const [{ imageDigest, imageTags } = {}] = first.pushed;
    expect((await registry.manifest(REPOSITORY, imageTags![0]!)).digest).toBe(imageDigest);
    expect(first.used).toEqual([`123456789012.dkr.ecr.us-east-1.amazonaws.com/${REPOSITORY}@${imageDigest}`]);
    expect(verbs(builder)).toEqual(["login", "build", "inspect", "push"]);

    const { plan } = await up("first");
    expect({ ...plan, steps: [] }).toMatchObject({ idle: true });
    expect(verbs(builder)).toHaveLength(4);

    await up("second");
    const second = await images();
    const changed = second.pushed.find((image) => image.imageDigest !== imageDigest);
    expect(changed?.imageTags).not.toEqual(imageTags);
    expect((await registry.manifest(REPOSITORY, changed!.imageTags![0]!)).digest).toBe(changed!.imageDigest);
    expect(second.used).toEqual([expect.stringMatching(new RegExp(`@${changed!.imageDigest}$`))]);
  });
});

describe("an image that a real builder pushes", () => {
  it.each(["buildah", "docker"] as const)("is one manifest for linux/amd64, no index: %s", async (program) => {
    const { registry, placed } = await workshop(program);
    const { create, found, context } = placed([...FROM_NOTHING, "RUN echo built"]);
    await create();
    const { digest, mediaType, body, config } = await held(registry, context.fingerprint);
    expect((await found()).digest).toBe(digest);
    expect(mediaType).toBe("application/vnd.docker.distribution.manifest.v2+json");
    expect(Object.keys(body)).not.toContain("manifests");
    expect(config).toMatchObject({ os: "linux", architecture: "amd64" });
  });

  it("comes with the registry's own token of 2000 characters, which stands on no command line and in no file", async () => {
    const { registry, builder, placed } = await workshop();
    await placed(FROM_NOTHING).create();
    const [password = ""] = registry.passwords;
    expect(password.length).toBeGreaterThan(1_900);
    const where = ["HOME", "XDG_RUNTIME_DIR"].map((name) => process.env[name] ?? "/run");
    const { stdout } = await execa("grep", ["-rlsF", password.slice(0, 60), builder.folder, `${where[0]}/.docker`], {
      reject: false,
    });
    expect(stdout).toBe("");
    expect(builder.seen()).toContain("--password-stdin");
    expect(builder.seen()).not.toContain(password.slice(0, 60));
  });

  it("is made from the base image's amd64 half, pulled with the user's own login", async () => {
    const { world, registry, builder, repositoryUri, placed } = await workshop();
    await world.cloud.ecr.send(new CreateRepositoryCommand({ repositoryName: "base" }));
    const host = repositoryUri.split("/")[0]!;
    const base = `${host}/base:1`;
    vi.stubEnv("REGISTRY_AUTH_FILE", join(builder.folder, "login.json"));
    await execa("buildah", ["login", "-u", OTHER_USER.name, "--password-stdin", host], { input: OTHER_USER.password });
    const folder = join(builder.folder, "base");
    mkdirSync(folder);
    writeFileSync(join(folder, "busybox"), SHELL, { mode: 0o755 });
    writeFileSync(
      join(folder, "Dockerfile"),
      [...FROM_NOTHING, "ARG TARGETARCH", "ENV BASE=$TARGETARCH", ""].join("\n"),
    );
    const both = ["--platform", "linux/arm64,linux/amd64", "--manifest", base];
    await execa("buildah", ["build", "--isolation", "chroot", ...both, folder]);
    await execa("buildah", ["manifest", "push", "--all", base, `docker://${base}`]);
    await execa("buildah", ["rmi", "--all", "--force"]);

    const { create, context } = placed([`FROM ${base}`, 'RUN test "$BASE" = amd64']);
    await create();
    const { config } = await held(registry, context.fingerprint);
    expect(config).toMatchObject({ architecture: "amd64" });
    expect(config.config.Env).toContain("BASE=amd64");
  });

  it("takes nobody's tag: what another machine pushed meanwhile stays, and the refusal is ECR's", async () => {
    const { registry, placed } = await workshop();
    const ours = placed([...FROM_NOTHING, "RUN echo ours"]);
    const theirs = placed([...FROM_NOTHING, "RUN echo theirs"]);
    await theirs.create({ fingerprint: ours.context.fingerprint });
    const failure = await failureOf(ours.create());
    expect(failure.message).toMatch(/buildah push ended with 125\n.*the tag is immutable/s);
    expect(await ours.found()).toMatchObject({ tag: ours.context.fingerprint });
    expect(registry.passwords).toHaveLength(2);
  });
});

describe("a build that a real builder cannot end well", () => {
  it.each([
    ["buildah", /buildah login ended with 125\n.*(authentication required|invalid username)/s],
    ["docker", /docker login ended with 1\n.*401 Unauthorized/s],
  ] as const)("is over at once when the registry does not take the login: %s", async (program, words) => {
    const { registry, builder, placed } = await workshop(program);
    registry.forgetPasswords();
    const failure = await failureOf(placed(FROM_NOTHING).create());
    expect(failure).toBeInstanceOf(StepError);
    expect(failure.message).toMatch(words);
    expect(failure.message).not.toContain(registry.passwords[0]!.slice(0, 60));
    expect(verbs(builder).filter((verb) => verb !== "context")).toEqual(["login"]);
  });

  it.each([
    ["buildah", /exit status 43/],
    ["docker", /returned a non-zero code: 43/],
  ] as const)("tells a failing RUN by its exit code and its own last words: %s", async (program, code) => {
    const { builder, placed } = await workshop(program);
    const failure = await failureOf(placed([...FROM_NOTHING, "RUN echo no such channel >&2; exit 43"]).create());
    expect(failure.message).toMatch(/^creating container-image \(container-image\): \w+ build ended with \d+\n/);
    expect(failure.message).toMatch(/no such channel\n/);
    expect(failure.message).toMatch(code);
    expect(verbs(builder)).not.toContain("push");
  });

  it("tells a full disk as such", async () => {
    const { builder, placed } = await workshop();
    builder.limitDisk(8);
    const fill = 'RUN ["/bin/busybox", "dd", "if=/dev/zero", "of=/big", "bs=1M", "count=32"]';
    const failure = await failureOf(placed(["FROM scratch", "COPY busybox /bin/busybox", fill]).create());
    expect(failure.message).toMatch(/buildah build ended with \d+\n.*no space left on device/is);
    expect(verbs(builder)).not.toContain("push");
  });

  it("tells that docker's engine is not there", async () => {
    const { placed } = await workshop("docker");
    vi.stubEnv("DOCKER_HOST", "unix:///nowhere/docker.sock");
    const failure = await failureOf(placed(FROM_NOTHING).create());
    expect(failure.message).toMatch(/docker (login|build) ended with 1\n.*Cannot connect to the Docker daemon/s);
  });

  it("says that there is no builder", async () => {
    const { builder, placed } = await workshop();
    vi.stubEnv("PATH", join(builder.folder, "nothing"));
    const failure = await failureOf(placed(FROM_NOTHING).create());
    expect(failure.message).toMatch(/buildah login .*ENOENT/);
  });

  it.each(["buildah", "docker"] as const)(
    "leaves no process and no login behind when it is stopped halfway: %s",
    async (program) => {
      const { builder, placed } = await workshop(program);
      const mark = `mark-of-${builder.folder.split("-").at(-1)}`;
      const stop = new AbortController();
      const { create } = placed([...FROM_NOTHING, `ENV MARK=${mark}`, "RUN echo at work; sleep 600"]);
      const made = create({ signal: stop.signal, note: (line) => line === "at work" && stop.abort() });
      await expect(made).rejects.toThrow(AbortedError);
      await vi.waitFor(() => expect([...processesWith(mark), ...builders(builder)]).toEqual([]), 600_000);
      expect(verbs(builder).filter((verb) => verb !== "context")).toEqual(["login", "build"]);
      expect(readdirSync(join(builder.folder, "storage")).filter((name) => name.startsWith("bootstrap-"))).toEqual([]);
    },
  );
});
