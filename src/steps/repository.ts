import {
  CreateRepositoryCommand,
  DeleteRepositoryCommand,
  DescribeRepositoriesCommand,
  GetLifecyclePolicyCommand,
  ListTagsForResourceCommand,
  PutImageScanningConfigurationCommand,
  PutImageTagMutabilityCommand,
  PutLifecyclePolicyCommand,
  paginateDescribeRepositories,
  type Repository,
  TagResourceCommand,
} from "@aws-sdk/client-ecr";
import type { Cloud } from "../aws/clients.ts";
import { orNothing } from "../aws/errors.ts";
import { driftOf, type Fields, repair } from "../aws/fields.ts";
import { listed } from "../aws/pages.ts";
import { fingerprintTags, fromTags, tagList, tagRecord, tagsOf } from "../aws/tags.ts";
import type { FindContext, Found, Step } from "../engine/step.ts";

export interface RepositoryInputs {
  /** Begins with the environment's name and a slash. */
  readonly repositoryName: string;
  readonly scanOnPush: boolean;
  /** A tag, once pushed, means the same image for ever. */
  readonly immutableTags: boolean;
  readonly encryption: { readonly type: "AES256" | "KMS"; readonly kmsKey?: string | undefined };
  /** After so many days an image without a tag is gone; one with a tag never goes by itself. */
  readonly untaggedDays: number;
}

export interface RepositoryOutput {
  /** What images are called by, without a scheme or a tag. */
  readonly repositoryUri: string;
  readonly repositoryName: string;
  readonly arn: string;
}

/** An ECR repository; its images go with it. */
export const repository: Step<RepositoryInputs, RepositoryOutput, unknown, Cloud> = {
  kind: "repository",
  naming: "fixed",
  pace: { expectMs: 0, everyMs: 2_000, timeoutMs: 5 * 60_000 },

  fixed: ({ encryption }) => ({ encryption }),

  async find(context) {
    const { cloud, inputs, node } = context;
    if (inputs) {
      const [live, policy] = await Promise.all([
        repositoryNamed(cloud, inputs.repositoryName),
        lifecyclePolicyOf(cloud, inputs.repositoryName),
      ]);
      const found = live && (await withTags(context, live));
      return found ? [{ ...found, drift: driftOf(FIELDS, inputs, { ...live, policy }) }] : [];
    }
    const found: Found<RepositoryOutput>[] = [];
    for (const live of await repositoriesOf(context)) {
      const one = await withTags(context, live);
      if (one?.owned) found.push(one);
    }
    return found.filter((one) => node === undefined || one.node === node);
  },

  async create(context) {
    const { cloud, inputs } = context;
    const { encryption, repositoryName } = inputs;
    const { repository: made } = await cloud.ecr.send(
      new CreateRepositoryCommand({
        repositoryName,
        imageScanningConfiguration: { scanOnPush: inputs.scanOnPush },
        imageTagMutability: mutability(inputs),
        encryptionConfiguration: { encryptionType: encryption.type, kmsKey: encryption.kmsKey },
        tags: tagList(tagsOf(context)),
      }),
    );
    return made!.repositoryArn!;
  },

  async stamp(context, { ref: resourceArn }) {
    await context.cloud.ecr.send(new TagResourceCommand({ resourceArn, tags: tagList(fingerprintTags(context)) }));
  },

  update: (context, found) => repair(FIELDS, context, found),

  async destroy({ cloud }, { output }) {
    const { repositoryName } = output!;
    await orNothing(cloud.ecr.send(new DeleteRepositoryCommand({ repositoryName, force: true })));
  },
};

const FIELDS: Fields<RepositoryInputs, Repository & { readonly policy: unknown }> = {
  scanOnPush: {
    want: ({ scanOnPush }) => scanOnPush,
    have: ({ imageScanningConfiguration }) => imageScanningConfiguration?.scanOnPush ?? false,
    // How images are scanned is more and more the registry's to say.
    disruptive: true,
    repair: ({ cloud, inputs: { repositoryName, scanOnPush } }) =>
      cloud.ecr.send(
        new PutImageScanningConfigurationCommand({ repositoryName, imageScanningConfiguration: { scanOnPush } }),
      ),
  },
  imageTagMutability: {
    want: mutability,
    have: ({ imageTagMutability }) => imageTagMutability,
    repair: ({ cloud, inputs }) => {
      const { repositoryName } = inputs;
      return cloud.ecr.send(
        new PutImageTagMutabilityCommand({ repositoryName, imageTagMutability: mutability(inputs) }),
      );
    },
  },
  "lifecycle policy": {
    want: lifecyclePolicy,
    have: ({ policy }) => policy,
    repair: ({ cloud, inputs }) => {
      const lifecyclePolicyText = JSON.stringify(lifecyclePolicy(inputs));
      return cloud.ecr.send(
        new PutLifecyclePolicyCommand({ repositoryName: inputs.repositoryName, lifecyclePolicyText }),
      );
    },
  },
};

async function withTags(
  context: FindContext<RepositoryInputs, Cloud>,
  { repositoryArn, repositoryName, repositoryUri, createdAt }: Repository,
): Promise<Found<RepositoryOutput> | undefined> {
  const { ecr } = context.cloud;
  const arn = repositoryArn!;
  const answer = await orNothing(ecr.send(new ListTagsForResourceCommand({ resourceArn: arn })));
  return (
    answer && {
      ref: arn,
      ...fromTags(context, tagRecord(answer.tags)),
      state: "ready",
      createdAt,
      output: { repositoryUri: repositoryUri!, repositoryName: repositoryName!, arn },
    }
  );
}

async function repositoryNamed({ ecr }: Cloud, name: string): Promise<Repository | undefined> {
  const answer = await orNothing(ecr.send(new DescribeRepositoriesCommand({ repositoryNames: [name] })));
  return answer?.repositories?.[0];
}

async function repositoriesOf({
  cloud,
  name,
  node,
  known = {},
}: FindContext<RepositoryInputs, Cloud>): Promise<Repository[]> {
  const names = Object.entries(known).flatMap(([arn, of]) =>
    of.node === node ? arn.split(":repository/").slice(1) : [],
  );
  if (names.length > 0) {
    const found = await Promise.all(names.map((one) => repositoryNamed(cloud, one)));
    return found.filter((one) => one !== undefined);
  }
  const all = await listed(paginateDescribeRepositories({ client: cloud.ecr }, {}), (page) => page.repositories);
  return all.filter(({ repositoryName }) => repositoryName!.startsWith(`${name}/`));
}

async function lifecyclePolicyOf({ ecr }: Cloud, repositoryName: string): Promise<unknown> {
  const answer = await orNothing(ecr.send(new GetLifecyclePolicyCommand({ repositoryName })));
  return answer && JSON.parse(answer.lifecyclePolicyText!);
}

function mutability({ immutableTags }: RepositoryInputs): "IMMUTABLE" | "MUTABLE" {
  return immutableTags ? "IMMUTABLE" : "MUTABLE";
}

function lifecyclePolicy({ untaggedDays }: RepositoryInputs) {
  const selection = {
    tagStatus: "untagged",
    countType: "sinceImagePushed",
    countUnit: "days",
    countNumber: untaggedDays,
  };
  return {
    rules: [{ rulePriority: 1, description: "images without a tag", selection, action: { type: "expire" } }],
  };
}
