import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import type { ContainerConfig, ProgramPackage } from "../config/config.ts";
import { ConfigError } from "../engine/errors.ts";
import { type ContextFile, contextFiles } from "./templates.ts";

/** SSM takes a command of some 64 KB in all; what an image is built from travels inside it. */
const LARGEST_CONTEXT_BYTES = 40 * 1024;

/** Of the build context: where our Dockerfiles look for a package of the user's own. */
const PACKAGE_FOLDER = "package";

export interface BuildArgument {
  readonly name: string;
  readonly value: string;
}

export type PackageInS3 = Extract<ProgramPackage, { readonly kind: "s3" }>;

export type BuildConfig = Extract<ContainerConfig, { readonly kind: "build" }>;

/** Every file the image is built from, but for a package in S3. */
export function buildContext({ context, package: program }: BuildConfig): readonly ContextFile[] {
  return [...folderFiles(context), ...(program?.kind === "file" ? [packageFile(program.path)] : [])];
}

function folderFiles(context: BuildConfig["context"]): readonly ContextFile[] {
  const [folder, name] =
    context.kind === "template"
      ? [`docker/${context.name}`, context.name]
      : [pathToFileURL(`${context.path}/`), context.path];
  try {
    return contextFiles(folder);
  } catch (error) {
    throw new ConfigError(
      `container.context: ${name} cannot be read: ${(error as Error).message}`,
      "name a folder with a Dockerfile in it, as a path from the config file, or a workload's own, such as bcl2fastq",
    );
  }
}

function packageFile(path: string): ContextFile {
  try {
    return { path: `${PACKAGE_FOLDER}/${basename(path)}`, bytes: readFileSync(path), mode: 0o644 };
  } catch (error) {
    throw new ConfigError(
      `container.package: ${path} cannot be read: ${(error as Error).message}`,
      "name the RPM or zip as a path from the config file, or as s3://BUCKET/KEY",
    );
  }
}

/** Path to SHA-256, the mode's executable bit included: what makes the image another one. */
export function contextDigests(files: readonly ContextFile[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    files.map(({ path, bytes, mode }) => [
      path,
      `${mode.toString(8)} ${createHash("sha256").update(bytes).digest("hex")}`,
    ]),
  );
}

/** The files' digests, and where a package in S3 lies: an object is known by its name, not by what is in it. */
export function imageSources(
  { package: program }: BuildConfig,
  files: readonly ContextFile[],
): Readonly<Record<string, string>> {
  return {
    ...contextDigests(files),
    ...(program?.kind === "s3" && { [`${PACKAGE_FOLDER}/${packageName(program)}`]: packageUri(program) }),
  };
}

function packageName(program: ProgramPackage): string {
  return basename(program.kind === "s3" ? program.key : program.path);
}

export function packageUri({ bucket, key }: PackageInS3): string {
  return `s3://${bucket}/${key}`;
}

/** The build arguments of the config, with mirrors under the names that our Dockerfiles know. */
export function buildArguments({ args, mirrors, package: program }: BuildConfig): readonly BuildArgument[] {
  const mirrored = { BASE_IMAGE: mirrors.baseImage, CONDA_MIRROR: mirrors.conda, PACKAGE_MIRROR: mirrors.packages };
  const own = { PACKAGE: program && packageName(program) };
  return Object.entries({ ...mirrored, ...own, ...args })
    .flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The files as a base64 tar.gz, the same for the same files. Throws ConfigError when it does not fit into a command. */
export async function packedContext(files: readonly ContextFile[]): Promise<string> {
  const archive = pack();
  const mtime = new Date(0);
  for (const { path, bytes, mode } of files) archive.entry({ name: path, mode, mtime }, bytes);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive as AsyncIterable<Buffer>) chunks.push(chunk);
  const packed = gzipSync(Buffer.concat(chunks), { level: 9 }).toString("base64");
  if (packed.length <= LARGEST_CONTEXT_BYTES) return packed;
  throw new ConfigError(
    `container.context: ${Math.ceil(packed.length / 1024)} KB when packed, and at most ${LARGEST_CONTEXT_BYTES / 1024} KB can be sent to an instance`,
    "build with a local docker, podman or buildah (container.builder), or fetch large files in the Dockerfile from S3",
  );
}
