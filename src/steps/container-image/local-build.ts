import { once } from "node:events";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import process, { kill } from "node:process";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { AbortedError, StepError } from "../../engine/errors.ts";
import type { ContextFile } from "../../render/templates.ts";

export const LOCAL_BUILDERS = ["docker", "podman", "buildah"] as const;
export type LocalBuilder = (typeof LOCAL_BUILDERS)[number];

export interface LocalBuild {
  readonly builder: LocalBuilder;
  /** The node it is built for. */
  readonly node: string;
  /** The build's context; its Dockerfile lies at the top. */
  readonly files: readonly ContextFile[];
  readonly buildArgs: readonly { readonly name: string; readonly value: string }[];
  /** os/architecture, and what comes out is held to it. */
  readonly platform: string;
  readonly repositoryUri: string;
  readonly tag: string;
  readonly username: string;
  readonly password: string;
  /** Its own while it runs, an absolute path: what a killed build leaves there, the registry's login above all, is swept from there. */
  readonly folder: string;
  /** Ends the build and everything it started. */
  readonly signal: AbortSignal;
  /** Gets every line that the build says. */
  note(text: string): void;
}

/** The first of the builders that is on the PATH and answers: docker only with its daemon. */
export async function chooseLocalBuilder(): Promise<LocalBuilder | undefined> {
  for (const builder of LOCAL_BUILDERS) {
    const { failed } = await execa(builder, PROBE[builder], { reject: false, timeout: 10_000, stdin: "ignore" });
    if (!failed) return builder;
  }
  return undefined;
}

/** Start here: logs in, builds, looks at what came out, pushes. The digest is the registry's to say. */
export async function buildAndPush(build: LocalBuild): Promise<void> {
  if (build.signal.aborted) throw new AbortedError();
  const { folder } = build;
  await rm(folder, { recursive: true, force: true });
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const context = join(folder, "context");
    const login = join(folder, "login");
    await writeFiles(context, build.files);
    await keepLoginApart(login, build.repositoryUri);
    const env = await logIn(build, login);
    await buildImage(build, context);
    await checkPlatform(build);
    await run(build, ["push", imageOf(build)], { env, aloud: true });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const PROBE: Readonly<Record<LocalBuilder, readonly string[]>> = {
  docker: ["version", "--format", "{{.Server.Version}}"],
  podman: ["info"],
  buildah: ["version"],
};

/** Docker's format, because OCI's has no SHELL: a Dockerfile means the same with every builder. */
const MANNER: Readonly<Record<LocalBuilder, readonly string[]>> = {
  docker: [],
  podman: ["--format", "docker"],
  // Without a daemon or privileges of its own, chroot is what is always possible.
  buildah: ["--format", "docker", "--isolation", "chroot"],
};

const INSPECT: Readonly<Record<LocalBuilder, readonly string[]>> = {
  docker: ["image", "inspect", "--format", "{{.Os}}/{{.Architecture}}"],
  podman: ["image", "inspect", "--format", "{{.Os}}/{{.Architecture}}"],
  buildah: ["inspect", "--type", "image", "--format", "{{.OCIv1.OS}}/{{.OCIv1.Architecture}}"],
};

async function writeFiles(folder: string, files: readonly ContextFile[]): Promise<void> {
  for (const { path, bytes, mode } of files) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes, { mode });
  }
}

/** With an entry of its own docker writes the login down here; without one it would hand it to the desktop's keychain. */
async function keepLoginApart(folder: string, repositoryUri: string): Promise<void> {
  await mkdir(folder, { mode: 0o700 });
  const nobody = JSON.stringify({ auths: { [registryOf(repositoryUri)]: {} } });
  await writeFile(join(folder, "config.json"), nobody, { mode: 0o600 });
}

/** First, because it is soon refused where a build is long; answers the environment that later finds the login. */
async function logIn(build: LocalBuild, folder: string): Promise<Readonly<Record<string, string>>> {
  const { builder, repositoryUri, username, password } = build;
  const env =
    builder === "docker"
      ? { DOCKER_CONFIG: folder, ...(await daemonAddress(build)) }
      : { REGISTRY_AUTH_FILE: join(folder, "config.json") };
  const words = ["login", "--username", username, "--password-stdin", registryOf(repositoryUri)];
  await run(build, words, { env, input: password });
  return env;
}

/** Which daemon docker speaks to stands in the configuration that DOCKER_CONFIG takes the place of. */
async function daemonAddress({ builder }: LocalBuild): Promise<{ readonly DOCKER_HOST?: string }> {
  const words = ["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"];
  const { failed, stdout } = await execa(builder, words, { reject: false, timeout: 10_000, stdin: "ignore" });
  return failed || stdout.trim() === "" ? {} : { DOCKER_HOST: stdout.trim() };
}

/** With the user's own logins, not ours: the base image may come from a registry of theirs. */
async function buildImage(build: LocalBuild, context: string): Promise<void> {
  const { builder, platform, buildArgs } = build;
  const words = buildArgs.flatMap(({ name, value }) => ["--build-arg", `${name}=${value}`]);
  await run(build, ["build", ...MANNER[builder], "--platform", platform, ...words, "--tag", imageOf(build), context], {
    // An index with an attestation beside the image would be one more thing in the repository.
    env: { BUILDX_NO_DEFAULT_ATTESTATIONS: "1" },
    aloud: true,
  });
}

async function checkPlatform(build: LocalBuild): Promise<void> {
  const { builder, platform } = build;
  const lines = await run(build, [...INSPECT[builder], imageOf(build)]);
  const built = lines.at(-1);
  if (built !== platform) {
    throw failure(build, `${builder} built it for ${built}, wanted is ${platform}`, "use a base image that has it");
  }
}

function imageOf({ repositoryUri, tag }: LocalBuild): string {
  return `${repositoryUri}:${tag}`;
}

function registryOf(repositoryUri: string): string {
  return repositoryUri.split("/")[0]!;
}

const LAST_LINES = 20;

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Each line is a note. */
  readonly aloud?: boolean;
}

/** One command of the builder, in a process group of its own, so that Ctrl-C reaches it through the signal alone. */
async function run(build: LocalBuild, words: readonly string[], options: RunOptions = {}): Promise<readonly string[]> {
  const { builder, signal, note } = build;
  const { env = {}, input, aloud = false } = options;
  if (signal.aborted) throw new AbortedError();
  const child = execa(builder, words, {
    ...(input === undefined ? { stdin: "ignore" } : { input }),
    env: { ...env },
    all: true,
    buffer: false,
    detached: true,
    reject: false,
  });
  const onAbort = () => void endGroup(child);
  signal.addEventListener("abort", onAbort, { once: true });
  // A second Ctrl-C does not wait for one that does not listen, and does not leave it behind either.
  const onExit = () => child.pid === undefined || signalGroup(child.pid, "SIGKILL");
  process.once("exit", onExit);
  const lines: string[] = [];
  try {
    for await (const line of createInterface({ input: child.all })) {
      if (line.trim() === "") continue;
      lines.push(line);
      if (lines.length > LAST_LINES) lines.shift();
      if (aloud) note(line);
    }
    const { failed, exitCode, originalMessage } = await child;
    if (signal.aborted) throw new AbortedError();
    if (!failed) return lines;
    const how = exitCode === undefined ? (originalMessage ?? "did not run") : `ended with ${exitCode}`;
    throw failure(build, [`${builder} ${words[0]} ${how}`, ...lines].join("\n"));
  } finally {
    signal.removeEventListener("abort", onAbort);
    process.removeListener("exit", onExit);
  }
}

const GRACE_MS = 5_000;

/** Asks the whole group to end, and sees to it when its leader is gone or has not listened. */
async function endGroup(child: { readonly pid?: number | undefined } & NodeJS.EventEmitter): Promise<void> {
  if (child.pid === undefined) return;
  signalGroup(child.pid, "SIGTERM");
  await once(child, "exit", { signal: AbortSignal.timeout(GRACE_MS) }).catch(() => undefined);
  signalGroup(child.pid, "SIGKILL");
}

function signalGroup(pid: number, name: NodeJS.Signals): void {
  try {
    kill(-pid, name);
  } catch {
    // It has ended by itself.
  }
}

function failure({ node }: LocalBuild, message: string, hint = "mend it and run the same command again") {
  return new StepError(`creating container-image (${node}): ${message}`, { node, hint });
}
