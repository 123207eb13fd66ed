import { createHash } from "node:crypto";
import type {
  EncryptionConfiguration,
  ImageTagMutability,
  ImageTagMutabilityExclusionFilter,
} from "@aws-sdk/client-ecr";
import { collection, pages } from "../../collection.ts";
import { type Call, Refusal } from "../../service.ts";
import { matches } from "../glob.ts";
import type { TagMap } from "../key-value-tags.ts";
import type { Operations } from "../operations.ts";

export type EcrOperations = Operations<typeof import("@aws-sdk/client-ecr")>;

export interface ImageState {
  readonly digest: string;
  readonly manifest: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly pushedAt: number;
  tags: string[];
  /** Undefined when nobody asked for a scan. */
  readonly scannedFrom?: number | undefined;
  readonly scannedAt?: number | undefined;
}

export interface RepositoryState {
  readonly name: string;
  readonly arn: string;
  readonly uri: string;
  readonly createdAt: number;
  readonly visibleFrom?: number | undefined;
  readonly encryption: EncryptionConfiguration;
  mutability: ImageTagMutability;
  exclusions?: ImageTagMutabilityExclusionFilter[] | undefined;
  scanOnPush: boolean;
  tags: TagMap;
  lifecycle?: { readonly text: string; appliedAt: number } | undefined;
  /** By digest. */
  readonly images: Record<string, ImageState>;
}

interface EcrState {
  readonly repositories: Record<string, RepositoryState>;
}

interface OfRepository {
  readonly registryId?: string | undefined;
  readonly repositoryName?: string | undefined;
}

export const repositories = collection(
  (call) => call.slice<EcrState>("ecr", call.region, () => ({ repositories: {} })).repositories,
  (name, { account }) => noRepository(name, account),
);

export function repositoryOf(call: Call, { registryId = call.account, repositoryName = "" }: OfRepository) {
  if (registryId !== call.account) throw noRepository(repositoryName, registryId);
  return repositories.read(call, repositoryName);
}

function noRepository(name: string, registryId: string): Refusal {
  return new Refusal(
    "RepositoryNotFoundException",
    `The repository with name '${name}' does not exist in the registry with id '${registryId}'`,
  );
}

/** 123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn */
export function registryHost({ account, region, dnsSuffix }: Call): string {
  return `${account}.dkr.ecr.${region}.${dnsSuffix}`;
}

export interface PushedImage {
  readonly repository: string;
  readonly tag?: string | undefined;
  readonly digest?: string | undefined;
  readonly manifest?: string | undefined;
  readonly mediaType?: string | undefined;
  readonly sizeBytes?: number | undefined;
}

export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";

/** Puts an image into a repository as a push does; refuses what the repository refuses. */
export function pushImage(call: Call, pushed: PushedImage): ImageState {
  const { tag } = pushed;
  const repository = repositoryOf(call, { repositoryName: pushed.repository });
  const sizeBytes = pushed.sizeBytes ?? Math.round(call.between(180_000_000, 900_000_000));
  const manifest = pushed.manifest ?? inventedManifest(call, sizeBytes);
  const digest = pushed.digest ?? sha256(manifest);
  const there = repository.images[digest];
  const holder = Object.values(repository.images).find(({ tags }) => tag !== undefined && tags.includes(tag));
  if (there !== undefined && (tag === undefined || holder === there)) {
    throw new Refusal(
      "ImageAlreadyExistsException",
      `Image with digest '${digest}' and tag '${tag ?? null}' already exists in the repository with name ` +
        `'${repository.name}' in registry with id '${call.account}'`,
    );
  }
  if (holder !== undefined && isImmutable(repository, tag!)) {
    throw new Refusal(
      "ImageTagAlreadyExistsException",
      `The image tag '${tag}' already exists in the '${repository.name}' repository and cannot be overwritten ` +
        "because the tag is immutable.",
    );
  }
  if (holder !== undefined) holder.tags = holder.tags.filter((each) => each !== tag);
  const image: ImageState = there ?? {
    digest,
    manifest,
    mediaType: pushed.mediaType ?? DOCKER_MANIFEST,
    sizeBytes,
    pushedAt: call.now,
    tags: [],
    ...(repository.scanOnPush && { scannedFrom: call.now, scannedAt: call.now + call.between(20_000, 60_000) }),
  };
  repository.images[digest] = image;
  if (tag !== undefined) image.tags.push(tag);
  return image;
}

/** An image that a reference of a container names by tag or digest; undefined when it cannot be pulled. */
export function findImage(call: Call, repositoryName: string, tagOrDigest: string): ImageState | undefined {
  const images = repositories.find(call, repositoryName)?.images ?? {};
  return images[tagOrDigest] ?? Object.values(images).find(({ tags }) => tags.includes(tagOrDigest));
}

export function repositoryExists(call: Call, repositoryName: string): boolean {
  return repositories.find(call, repositoryName) !== undefined;
}

export interface ImageReference {
  readonly account: string;
  readonly region: string;
  readonly repository: string;
  readonly tagOrDigest: string;
}

/** Undefined for an image that is not in an ECR registry. */
export function parseReference(reference: string): ImageReference | undefined {
  const [, account, region, repository, tag, digest] =
    /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\/([^:@]+)(?::([^@]+))?(?:@(.+))?$/.exec(reference) ??
    [];
  if (account === undefined || region === undefined || repository === undefined) return undefined;
  return { account, region, repository, tagOrDigest: digest ?? tag ?? "latest" };
}

export const paged = pages({
  ...{ token: "nextToken", size: "maxResults", usual: 100 },
  badToken: () => invalidParameter("nextToken", "Invalid nextToken"),
});

export function invalidParameter(name: string, words: string): Refusal {
  const message = `Invalid parameter at '${name}' failed to satisfy constraint: '${words}'`;
  return new Refusal("InvalidParameterException", message);
}

export function sha256(text: string): string {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

function isImmutable({ mutability, exclusions = [] }: RepositoryState, tag: string): boolean {
  const excluded = exclusions.some(({ filter = "" }) => matches(filter, tag));
  return mutability.startsWith("IMMUTABLE") !== (excluded && mutability.endsWith("_WITH_EXCLUSION"));
}

/** An image as somebody may have built it. */
export function inventImage(call: Call): { readonly digest: string; readonly manifest: string } {
  const manifest = inventedManifest(call, Math.round(call.between(180_000_000, 900_000_000)));
  return { digest: sha256(manifest), manifest };
}

function inventedManifest(call: Call, sizeBytes: number): string {
  const layer = (size: number) => ({
    mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip",
    size,
    digest: `sha256:${call.id("", 64)}`,
  });
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: DOCKER_MANIFEST,
    config: { ...layer(7_023), mediaType: "application/vnd.docker.container.image.v1+json" },
    layers: [layer(Math.round(sizeBytes * 0.2)), layer(Math.round(sizeBytes * 0.8))],
  });
}
