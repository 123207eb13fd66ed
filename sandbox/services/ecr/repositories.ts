import type {
  EncryptionConfiguration,
  ImageTagMutability,
  ImageTagMutabilityExclusionFilter,
  Repository,
} from "@aws-sdk/client-ecr";
import { type Call, Refusal } from "../../service.ts";
import { type KeyValueTag, type TagMap, tagTrouble, toTagMap, toTags, withoutTags } from "../key-value-tags.ts";
import {
  type EcrOperations,
  invalidParameter,
  paged,
  type RepositoryState,
  registryHost,
  repositories,
  repositoryOf,
} from "./state.ts";

const TOKEN_BYTES = 1_480;
const TOKEN_HOURS = 12;

export const repositoryOperations = {
  CreateRepository(input, call) {
    const name = input.repositoryName!;
    if (repositories.find(call, name) !== undefined) {
      throw new Refusal(
        "RepositoryAlreadyExistsException",
        `The repository with name '${name}' already exists in the registry with id '${call.account}'`,
      );
    }
    const mutability = input.imageTagMutability ?? "MUTABLE";
    const repository = repositories.add(call, name, {
      name,
      arn: `arn:${call.partition}:ecr:${call.region}:${call.account}:repository/${name}`,
      uri: `${registryHost(call)}/${name}`,
      createdAt: call.now,
      visibleFrom: call.now + call.unseenMs,
      encryption: encryptionOf(input.encryptionConfiguration, call),
      mutability,
      exclusions: checkedExclusions(mutability, input.imageTagMutabilityExclusionFilters),
      scanOnPush: input.imageScanningConfiguration?.scanOnPush ?? false,
      tags: withTags({}, input.tags ?? []),
      images: {},
    });
    return { repository: shown(call, repository) };
  },

  DescribeRepositories(input, call) {
    const { registryId, repositoryNames } = input;
    const chosen =
      repositoryNames?.map((repositoryName) => repositoryOf(call, { registryId, repositoryName })) ??
      repositories.visible(call);
    const { items, next } = paged(call, input, chosen, ({ name }) => name);
    return { repositories: items.map((repository) => shown(call, repository)), ...next };
  },

  DeleteRepository(input, call) {
    const repository = repositoryOf(call, input);
    if (!input.force && Object.keys(repository.images).length > 0) {
      throw new Refusal(
        "RepositoryNotEmptyException",
        `The repository with name '${repository.name}' in registry with id '${call.account}' cannot be deleted ` +
          "because it still contains images",
      );
    }
    repositories.remove(call, repository.name);
    return { repository: shown(call, repository) };
  },

  PutImageScanningConfiguration(input, call) {
    const repository = repositoryOf(call, input);
    repository.scanOnPush = input.imageScanningConfiguration?.scanOnPush ?? false;
    return {
      registryId: call.account,
      repositoryName: repository.name,
      imageScanningConfiguration: { scanOnPush: repository.scanOnPush },
    };
  },

  PutImageTagMutability(input, call) {
    const repository = repositoryOf(call, input);
    repository.mutability = input.imageTagMutability!;
    repository.exclusions = checkedExclusions(repository.mutability, input.imageTagMutabilityExclusionFilters);
    return { registryId: call.account, repositoryName: repository.name, ...mutabilityOf(repository) };
  },

  TagResource(input, call) {
    const repository = byArn(call, input.resourceArn!);
    repository.tags = withTags(repository.tags, input.tags!);
    return {};
  },

  UntagResource(input, call) {
    const repository = byArn(call, input.resourceArn!);
    repository.tags = withoutTags(repository.tags, input.tagKeys);
    return {};
  },

  ListTagsForResource(input, call) {
    return { tags: call.shuffled(toTags(byArn(call, input.resourceArn!).tags)) };
  },

  /** A password as long as ECR's own, about 2000 characters: some clients cut or refuse long ones. */
  GetAuthorizationToken(_input, call) {
    const bytes = Uint8Array.from({ length: TOKEN_BYTES }, () => Math.floor(call.random() * 256));
    const password = Buffer.from(bytes).toString("base64");
    return {
      authorizationData: [
        {
          authorizationToken: Buffer.from(`AWS:${password}`).toString("base64"),
          expiresAt: new Date(call.now + TOKEN_HOURS * 3_600_000),
          proxyEndpoint: `https://${registryHost(call)}`,
        },
      ],
    };
  },
} satisfies EcrOperations;

function shown(call: Call, repository: RepositoryState): Repository {
  return {
    repositoryArn: repository.arn,
    registryId: call.account,
    repositoryName: repository.name,
    repositoryUri: repository.uri,
    createdAt: new Date(repository.createdAt),
    ...mutabilityOf(repository),
    imageScanningConfiguration: { scanOnPush: repository.scanOnPush },
    encryptionConfiguration: repository.encryption,
  };
}

function mutabilityOf({ mutability, exclusions }: RepositoryState) {
  return {
    imageTagMutability: mutability,
    ...(exclusions !== undefined && { imageTagMutabilityExclusionFilters: exclusions }),
  };
}

function encryptionOf(wanted: EncryptionConfiguration | undefined, call: Call): EncryptionConfiguration {
  const { encryptionType = "AES256", kmsKey } = wanted ?? {};
  if (encryptionType === "AES256") {
    if (kmsKey === undefined) return { encryptionType };
    throw invalidParameter("kmsKey", "kmsKey can only be specified for encryptionType KMS or KMS_DSSE");
  }
  // Without a key of one's own, the account's key for ECR is used.
  const key = kmsKey ?? call.uuid();
  const arn = key.startsWith("arn:") ? key : `arn:${call.partition}:kms:${call.region}:${call.account}:key/${key}`;
  return { encryptionType, kmsKey: arn };
}

function checkedExclusions(
  mutability: ImageTagMutability,
  filters: ImageTagMutabilityExclusionFilter[] | undefined,
): ImageTagMutabilityExclusionFilter[] | undefined {
  if (mutability.endsWith("_WITH_EXCLUSION") !== (filters !== undefined && filters.length > 0)) {
    throw invalidParameter(
      "imageTagMutabilityExclusionFilters",
      "Exclusion filters must be given for a mutability with exclusion, and only for one",
    );
  }
  return filters;
}

function byArn(call: Call, arn: string): RepositoryState {
  const [, partition, service, region, registryId, resource] = arn.split(":");
  const repositoryName = resource?.replace(/^repository\//, "");
  if (partition !== call.partition || service !== "ecr" || region !== call.region || repositoryName === resource) {
    throw invalidParameter("resourceArn", "Invalid ARN");
  }
  return repositoryOf(call, { registryId, repositoryName });
}

function withTags(there: TagMap, added: readonly KeyValueTag[]): TagMap {
  const trouble = tagTrouble(there, added);
  if (trouble?.startsWith("The number")) throw new Refusal("TooManyTagsException", trouble);
  if (trouble !== undefined) throw new Refusal("InvalidTagParameterException", trouble);
  return { ...there, ...toTagMap(added) };
}
