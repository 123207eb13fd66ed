import type { ImageDetail, ImageFailure, ImageIdentifier } from "@aws-sdk/client-ecr";
import { type Call, Refusal } from "../../service.ts";
import {
  type EcrOperations,
  type ImageState,
  invalidParameter,
  paged,
  pushImage,
  type RepositoryState,
  repositoryOf,
  sha256,
} from "./state.ts";

interface TagFilter {
  readonly tagStatus?: "TAGGED" | "UNTAGGED" | "ANY" | undefined;
}

export const imageOperations = {
  DescribeImages(input, call) {
    const repository = repositoryOf(call, input);
    const images = input.imageIds
      ? [...new Set(input.imageIds.map((id) => imageOf(call, repository, id)))]
      : Object.values(repository.images).filter(fitting(input.filter));
    const { items, next } = paged(call, input, images, ({ digest }) => digest);
    return { imageDetails: items.map((image) => detail(call, repository, image)), ...next };
  },

  /** One entry for each tag, one for an image without tags. */
  ListImages(input, call) {
    const entries = Object.values(repositoryOf(call, input).images)
      .filter(fitting(input.filter))
      .flatMap(({ digest, tags }): ImageIdentifier[] =>
        tags.length === 0 ? [{ imageDigest: digest }] : tags.map((imageTag) => ({ imageDigest: digest, imageTag })),
      );
    const keyOf = ({ imageDigest, imageTag }: ImageIdentifier) => `${imageDigest} ${imageTag ?? ""}`;
    const { items, next } = paged(call, input, entries, keyOf);
    return { imageIds: items, ...next };
  },

  BatchGetImage(input, call) {
    const repository = repositoryOf(call, input);
    const found = input.imageIds!.map((id) => ({ id, image: find(repository, id) }));
    return {
      images: found.flatMap(({ id, image }) => (image ? [wholeImage(call, repository, image, id.imageTag)] : [])),
      failures: found.flatMap(({ id, image }) => (image ? [] : [failure(id)])),
    };
  },

  /** By tag only the tag goes, unless it is the image's last; by digest the image with all its tags. */
  BatchDeleteImage(input, call) {
    const repository = repositoryOf(call, input);
    const deleted: ImageIdentifier[] = [];
    const failures: ImageFailure[] = [];
    for (const id of input.imageIds!) {
      const image = find(repository, id);
      if (image === undefined) {
        failures.push(failure(id));
        continue;
      }
      const { digest: imageDigest, tags } = image;
      if (id.imageTag !== undefined) {
        image.tags = tags.filter((tag) => tag !== id.imageTag);
        deleted.push({ imageDigest, imageTag: id.imageTag });
      } else {
        image.tags = [];
        deleted.push(...(tags.length > 0 ? tags.map((imageTag) => ({ imageDigest, imageTag })) : [{ imageDigest }]));
      }
      if (image.tags.length === 0) delete repository.images[imageDigest];
    }
    return { imageIds: deleted, failures };
  },

  PutImage(input, call) {
    const repository = repositoryOf(call, input);
    const manifest = input.imageManifest!;
    const mediaType = input.imageManifestMediaType ?? mediaTypeIn(manifest);
    const digest = sha256(manifest);
    if (input.imageDigest !== undefined && input.imageDigest !== digest) {
      throw new Refusal(
        "ImageDigestDoesNotMatchException",
        `The specified image digest does not match the digest that Amazon ECR calculated for the image: ${digest}`,
      );
    }
    const sizeBytes = sizesIn(manifest);
    const image = pushImage(call, { repository: repository.name, tag: input.imageTag, manifest, mediaType, sizeBytes });
    return { image: wholeImage(call, repository, image, input.imageTag) };
  },

  StartImageScan(input, call) {
    const repository = repositoryOf(call, input);
    const image = imageOf(call, repository, input.imageId!);
    repository.images[image.digest] = {
      ...image,
      scannedFrom: call.now,
      scannedAt: call.now + call.between(20_000, 60_000),
    };
    return {
      registryId: call.account,
      repositoryName: repository.name,
      imageId: { ...input.imageId, imageDigest: image.digest },
      imageScanStatus: { status: "IN_PROGRESS" },
    };
  },

  DescribeImageScanFindings(input, call) {
    const repository = repositoryOf(call, input);
    const image = imageOf(call, repository, input.imageId!);
    if (image.scannedAt === undefined) {
      throw new Refusal(
        "ScanNotFoundException",
        `Image scan does not exist for the image with '${spelt(input.imageId!)}' in the repository with name ` +
          `'${repository.name}' in the registry with id '${call.account}'`,
      );
    }
    const done = call.now >= image.scannedAt;
    return {
      registryId: call.account,
      repositoryName: repository.name,
      imageId: { ...input.imageId, imageDigest: image.digest },
      imageScanStatus: scanStatus(call, image),
      ...(done && {
        imageScanFindings: {
          imageScanCompletedAt: new Date(image.scannedAt),
          vulnerabilitySourceUpdatedAt: new Date(image.scannedAt),
          findings: [],
          findingSeverityCounts: {},
        },
      }),
    };
  },
} satisfies EcrOperations;

function detail(call: Call, { name }: RepositoryState, image: ImageState): ImageDetail {
  const scanned = image.scannedAt !== undefined && call.now >= image.scannedAt;
  return {
    registryId: call.account,
    repositoryName: name,
    imageDigest: image.digest,
    ...(image.tags.length > 0 && { imageTags: call.shuffled(image.tags) }),
    imageSizeInBytes: image.sizeBytes,
    imagePushedAt: new Date(image.pushedAt),
    ...(image.scannedAt !== undefined && { imageScanStatus: scanStatus(call, image) }),
    ...(scanned && {
      imageScanFindingsSummary: {
        imageScanCompletedAt: new Date(image.scannedAt),
        vulnerabilitySourceUpdatedAt: new Date(image.scannedAt),
        findingSeverityCounts: {},
      },
    }),
    imageManifestMediaType: image.mediaType,
    artifactMediaType: "application/vnd.docker.container.image.v1+json",
  };
}

function scanStatus(call: Call, { scannedAt }: ImageState) {
  return call.now >= (scannedAt ?? 0)
    ? { status: "COMPLETE" as const, description: "The scan was completed successfully." }
    : { status: "IN_PROGRESS" as const };
}

function wholeImage(call: Call, { name }: RepositoryState, image: ImageState, tag: string | undefined) {
  return {
    registryId: call.account,
    repositoryName: name,
    imageId: { imageDigest: image.digest, ...(tag !== undefined && { imageTag: tag }) },
    imageManifest: image.manifest,
    imageManifestMediaType: image.mediaType,
  };
}

function find({ images }: RepositoryState, { imageDigest, imageTag }: ImageIdentifier): ImageState | undefined {
  if (imageDigest === undefined && imageTag === undefined) {
    throw new Refusal("InvalidParameterException", "Invalid request parameters: image tag and digest are both null");
  }
  return Object.values(images).find(
    ({ digest, tags }) =>
      (imageDigest === undefined || digest === imageDigest) && (imageTag === undefined || tags.includes(imageTag)),
  );
}

function imageOf(call: Call, repository: RepositoryState, id: ImageIdentifier): ImageState {
  const image = find(repository, id);
  if (image !== undefined) return image;
  throw new Refusal(
    "ImageNotFoundException",
    `The image with imageId ${spelt(id)} does not exist within the repository with name '${repository.name}' ` +
      `in the registry with id '${call.account}'`,
  );
}

function failure(imageId: ImageIdentifier): ImageFailure {
  return { imageId, failureCode: "ImageNotFound", failureReason: "Requested image not found" };
}

function spelt({ imageDigest, imageTag }: ImageIdentifier): string {
  return `{imageDigest:'${imageDigest ?? null}', imageTag:'${imageTag ?? null}'}`;
}

function fitting(filter: TagFilter | undefined): (image: ImageState) => boolean {
  const status = filter?.tagStatus ?? "ANY";
  return ({ tags }) => status === "ANY" || (status === "TAGGED") === tags.length > 0;
}

interface Manifest {
  readonly mediaType?: string;
  readonly layers?: readonly { readonly size?: number }[];
}

function parseManifest(text: string): Manifest {
  try {
    return JSON.parse(text) as Manifest;
  } catch {
    throw invalidParameter("ImageManifest", "Invalid JSON syntax");
  }
}

function mediaTypeIn(manifest: string): string {
  const { mediaType } = parseManifest(manifest);
  if (mediaType !== undefined) return mediaType;
  throw new Refusal(
    "InvalidParameterException",
    "Image manifest media type must be given, in the manifest or beside it",
  );
}

function sizesIn(manifest: string): number {
  return (parseManifest(manifest).layers ?? []).reduce((sum, { size = 0 }) => sum + size, 0);
}
