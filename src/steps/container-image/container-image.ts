import { GetAuthorizationTokenCommand, type ImageDetail, paginateDescribeImages } from "@aws-sdk/client-ecr";
import type { Cloud } from "../../aws/clients.ts";
import { orNothing } from "../../aws/errors.ts";
import { listed } from "../../aws/pages.ts";
import type { CreateContext, Found, Step } from "../../engine/step.ts";
import type { ContextFile } from "../../render/templates.ts";
import { buildAndPush, type LocalBuilder } from "./local-build.ts";

export interface ContainerImageInputs {
  readonly repositoryName: string;
  readonly repositoryUri: string;
  readonly platform: "linux/amd64";
  /** What it is built from: each file's path with its text, or a hash of it. */
  readonly context: Readonly<Record<string, string>>;
  readonly buildArgs: readonly { readonly name: string; readonly value: string }[];
}

export interface ContainerImageOutput {
  /** By its digest: what this names never changes. */
  readonly image: string;
  readonly digest: string;
  readonly tag: string;
}

/** How the image is made; it is the same image, so this is no part of its inputs. */
export interface ImageMaking {
  /** An instance: a temporary node of the image builds and pushes it, before it is asked for here. */
  readonly builder: "instance" | LocalBuilder;
  /** The context's files, with the Dockerfile at the top; a builder on this machine reads them. */
  readonly files: readonly ContextFile[];
  /** For a builder on this machine: a folder of the environment's own, as an absolute path. */
  readonly folder: string;
}

/** An image in a repository of ours, tagged with the fingerprint of what it is built from. It goes with the repository. */
export function containerImage(making: ImageMaking): Step<ContainerImageInputs, ContainerImageOutput, unknown, Cloud> {
  return {
    kind: "container-image",
    naming: "versioned",
    pace: { expectMs: 0, everyMs: 2_000, timeoutMs: 5 * 60_000 },

    async find({ cloud, inputs, node = "" }) {
      if (!inputs) return [];
      const { repositoryName, repositoryUri } = inputs;
      const found: Found<ContainerImageOutput>[] = [];
      for (const { imageDigest, imagePushedAt, imageTags } of await taggedImages(cloud, repositoryName)) {
        for (const tag of imageTags?.filter((one) => FINGERPRINT.test(one)) ?? []) {
          found.push({
            ref: refOf(inputs, tag),
            node,
            // Nobody else pushes to this repository, and an image cannot carry tags of ours.
            owned: true,
            state: "ready",
            fingerprint: tag,
            createdAt: imagePushedAt,
            output: { image: `${repositoryUri}@${imageDigest}`, digest: imageDigest!, tag },
            drift: [],
          });
        }
      }
      return found;
    },

    async create(context) {
      const { builder } = making;
      if (builder !== "instance") await buildHere(context, { ...making, builder });
      return refOf(context.inputs, context.fingerprint);
    },
  };
}

const FINGERPRINT = /^[0-9a-f]{16}$/;

function refOf({ repositoryUri }: ContainerImageInputs, tag: string): string {
  return `${repositoryUri}:${tag}`;
}

async function taggedImages({ ecr }: Cloud, repositoryName: string): Promise<ImageDetail[]> {
  const asked = { repositoryName, filter: { tagStatus: "TAGGED" }, maxResults: 1000 } as const;
  const pages = paginateDescribeImages({ client: ecr }, asked);
  return (await orNothing(listed(pages, ({ imageDetails }) => imageDetails))) ?? [];
}

async function buildHere(
  { cloud, inputs, node, fingerprint, signal, note }: CreateContext<ContainerImageInputs, unknown, Cloud>,
  making: ImageMaking & { readonly builder: LocalBuilder },
): Promise<void> {
  const { platform, buildArgs, repositoryUri } = inputs;
  const { authorizationData } = await cloud.ecr.send(new GetAuthorizationTokenCommand({}));
  const login = Buffer.from(authorizationData![0]!.authorizationToken!, "base64").toString("utf8");
  const colon = login.indexOf(":");
  await buildAndPush({
    ...making,
    ...{ node, buildArgs, platform, repositoryUri, tag: fingerprint, signal, note },
    username: login.slice(0, colon),
    password: login.slice(colon + 1),
  });
}
