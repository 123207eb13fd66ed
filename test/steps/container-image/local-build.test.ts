import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { AbortedError } from "../../../src/engine/errors.ts";
import {
  buildAndPush,
  chooseLocalBuilder,
  type LocalBuild,
  type LocalBuilder,
} from "../../../src/steps/container-image/local-build.ts";
import { type FakeBuilders, fakeBuilders } from "./fake-builder.ts";

const REPOSITORY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/lab/bcl2fastq";
const IMAGE = `${REPOSITORY}:0123456789abcdef`;
const PASSWORD = "s3cret-token";

/** Answers every verb as a builder does to whom nothing is wrong. */
const WELL = `
case "$1" in
  build)
    for context in "$@"; do :; done
    /bin/cp -Rp "$context" "$here/context"
    echo "STEP 1: FROM scratch"; echo "writing image" >&2 ;;
  image|inspect) echo linux/amd64 ;;
  context) echo unix:///run/elsewhere.sock ;;
  login) /bin/cat > "$here/stdin"; env > "$here/login-env"; echo "Login Succeeded" ;;
  push) env > "$here/push-env"; echo "pushed" ;;
esac`.replaceAll("env >", "/usr/bin/env >");

function buildWith(builder: LocalBuilder, change: Partial<LocalBuild> = {}) {
  const notes: string[] = [];
  const top = mkdtempSync(join(tmpdir(), "bootstrap-building-"));
  onTestFinished(() => rmSync(top, { recursive: true, force: true }));
  const build: LocalBuild = {
    folder: join(top, "demux.us-east-1.building"),
    builder,
    node: "image",
    files: [
      { path: "Dockerfile", bytes: Buffer.from("FROM scratch\n"), mode: 0o644 },
      { path: "bin/split.py", bytes: Buffer.from("#!/usr/bin/env python3\n"), mode: 0o755 },
    ],
    buildArgs: [{ name: "BASE_IMAGE", value: "mirror.example/base image:1" }],
    platform: "linux/amd64",
    repositoryUri: REPOSITORY,
    tag: "0123456789abcdef",
    username: "AWS",
    password: PASSWORD,
    signal: new AbortController().signal,
    note: (text) => notes.push(text),
    ...change,
  };
  return { done: buildAndPush(build), notes };
}

function verbs(fake: FakeBuilders): string[] {
  return fake.calls().map((call) => call.split(" ")[1]!);
}

describe("building on this machine", () => {
  it.each(["docker", "podman", "buildah"] as const)("logs in, builds, looks and pushes with %s", async (builder) => {
    const fake = fakeBuilders({ [builder]: WELL });
    const { done, notes } = buildWith(builder);
    await done;
    expect(verbs(fake).filter((verb) => verb !== "context")).toEqual([
      "login",
      "build",
      builder === "buildah" ? "inspect" : "image",
      "push",
    ]);
    const build = fake.calls().find((call) => call.startsWith(`${builder} build`));
    expect(build).toContain("--platform linux/amd64 --build-arg BASE_IMAGE=mirror.example/base image:1");
    expect(build).toContain(`--tag ${IMAGE} `);
    expect(build!.includes("--isolation chroot")).toBe(builder === "buildah");
    expect(build!.includes("--format docker")).toBe(builder !== "docker");
    expect(fake.calls().at(-1)).toBe(`${builder} push ${IMAGE}`);
    expect(notes).toEqual(expect.arrayContaining(["STEP 1: FROM scratch", "writing image", "pushed"]));
  });

  it("hands the builder the files as they are, and leaves nothing behind", async () => {
    const fake = fakeBuilders({ podman: WELL });
    await buildWith("podman").done;
    expect(fake.recorded("context/Dockerfile")).toBe("FROM scratch\n");
    expect(statSync(join(fake.folder, "context/bin/split.py")).mode & 0o777).toBe(0o755);
    const context = fake.calls()[1]!.split(" ").at(-1)!;
    expect(existsSync(dirname(context))).toBe(false);
  });

  it("works in the folder it is given, which nobody else may read, and without what a killed build left there", async () => {
    const fake = fakeBuilders({
      podman: WELL.replace("build)", 'build) /usr/bin/stat -c %a "$folder" > "$here/mode";'),
    });
    const folder = join(fake.folder, "building");
    mkdirSync(join(folder, "context"), { recursive: true });
    writeFileSync(join(folder, "context/old"), "");
    vi.stubEnv("folder", folder);
    await buildWith("podman", { folder }).done;
    expect(fake.recorded("mode")).toBe("700\n");
    expect(existsSync(join(fake.folder, "context/old"))).toBe(false);
    expect(existsSync(folder)).toBe(false);
  });

  it.each([
    ["docker", "DOCKER_CONFIG"],
    ["podman", "REGISTRY_AUTH_FILE"],
    ["buildah", "REGISTRY_AUTH_FILE"],
  ] as const)("gives %s the password on its input alone, with a login of its own", async (builder, variable) => {
    const fake = fakeBuilders({
      [builder]: WELL.replace(
        "login)",
        'login) if [ -d "$DOCKER_CONFIG" ]; then login="$DOCKER_CONFIG"; else login="${REGISTRY_AUTH_FILE%/*}"; fi\n' +
          '/usr/bin/stat -c %a "$login" > "$here/mode"; /bin/cat "$login/config.json" > "$here/config.json";',
      ),
    });
    const { done, notes } = buildWith(builder);
    await done;
    expect(fake.recorded("stdin")).toBe(PASSWORD);
    expect([...fake.calls(), fake.recorded("login-env"), fake.recorded("push-env"), ...notes].join("\n")).not.toContain(
      PASSWORD,
    );
    const where = fake.recorded("push-env").match(new RegExp(`^${variable}=(.*)$`, "m"))![1]!;
    expect(fake.recorded("login-env")).toContain(`${variable}=${where}\n`);
    expect(fake.recorded("mode")).toBe("700\n");
    expect(JSON.parse(fake.recorded("config.json"))).toEqual({ auths: { [REPOSITORY.split("/")[0]!]: {} } });
    expect(existsSync(where)).toBe(false);
  });

  it("speaks to the daemon that docker speaks to by itself, although the login is apart", async () => {
    const fake = fakeBuilders({ docker: WELL });
    await buildWith("docker").done;
    for (const file of ["login-env", "push-env"]) {
      expect(fake.recorded(file)).toContain("DOCKER_HOST=unix:///run/elsewhere.sock\n");
    }
  });

  it("pushes nothing that was built for another machine", async () => {
    const fake = fakeBuilders({ docker: WELL.replace("linux/amd64", "linux/arm64") });
    await expect(buildWith("docker").done).rejects.toThrow(/built it for linux\/arm64, wanted is linux\/amd64/);
    expect(verbs(fake)).toEqual(["context", "login", "build", "image"]);
  });

  it("ends with the builder's own last lines and its exit code, and pushes nothing", async () => {
    const fake = fakeBuilders({
      podman:
        '[ "$1" = build ] || exit 0; n=0; while [ $n -lt 50 ]; do n=$((n+1)); echo "line $n"; done; echo "no such package" >&2; exit 7',
    });
    const error = await buildWith("podman").done.then(undefined, (reason: Error) => reason);
    expect(error).toMatchObject({ name: "StepError", node: "image" });
    expect(error!.message).toMatch(/podman build ended with 7\n/);
    expect(error!.message).toMatch(/no such package$/m);
    expect(error!.message).toContain("line 50");
    expect(error!.message).not.toContain("line 20\n");
    expect(verbs(fake)).toEqual(["login", "build"]);
  });

  it("says what the registry said to a login, never the password, and builds nothing then", async () => {
    const fake = fakeBuilders({ docker: WELL.replace("login)", 'login) echo "401 Unauthorized" >&2; exit 1;') });
    const error = await buildWith("docker").done.then(undefined, (reason: Error) => reason);
    expect(error!.message).toMatch(/docker login ended with 1\n.*401 Unauthorized/s);
    expect(JSON.stringify([error!.message, error!.stack, error!.cause])).not.toContain(PASSWORD);
    expect(verbs(fake)).toEqual(["context", "login"]);
  });

  it("says that the builder is not there", async () => {
    fakeBuilders({});
    await expect(buildWith("buildah").done).rejects.toThrow(/buildah login .*ENOENT/);
  });

  it("ends the build with everything it started when it is stopped", async () => {
    const fake = fakeBuilders({
      podman: `[ "$1" = build ] || exit 0
/bin/sh -c 'trap "" TERM; echo $$ > "$1"; echo started; exec /bin/sleep 600' sh "$here/grandchild" &
wait`,
    });
    const stop = new AbortController();
    const { done } = buildWith("podman", { signal: stop.signal, note: () => stop.abort() });
    await expect(done).rejects.toThrow(AbortedError);
    vi.unstubAllEnvs();
    const pid = fake.recorded("grandchild").trim();
    await vi.waitFor(async () => {
      const { stdout } = await execa("ps", ["-o", "stat=", "-p", pid], { reject: false });
      expect(stdout.trim()).toMatch(/^(Z.*)?$/);
    });
    expect(verbs(fake)).toEqual(["login", "build"]);
  });

  it("starts nothing when it was stopped before", async () => {
    const fake = fakeBuilders({ docker: WELL });
    await expect(buildWith("docker", { signal: AbortSignal.abort() }).done).rejects.toThrow(AbortedError);
    expect(fake.calls()).toEqual([]);
  });
});

describe("choosing a builder on this machine", () => {
  it("takes the first that answers, so docker without its daemon is passed over", async () => {
    fakeBuilders({ docker: 'echo "Cannot connect to the Docker daemon" >&2; exit 1', podman: "", buildah: "" });
    expect(await chooseLocalBuilder()).toBe("podman");
  });

  it("takes docker before the others", async () => {
    fakeBuilders({ docker: "echo 27.0.1", podman: "", buildah: "" });
    expect(await chooseLocalBuilder()).toBe("docker");
  });

  it("answers nothing where there is none", async () => {
    fakeBuilders({});
    expect(await chooseLocalBuilder()).toBeUndefined();
  });
});
