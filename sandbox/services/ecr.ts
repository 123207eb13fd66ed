import type { Constraint, Service } from "../service.ts";
import { imageOperations } from "./ecr/images.ts";
import { applyLifecyclePolicies, lifecycleOperations } from "./ecr/lifecycle.ts";
import { repositoryOperations } from "./ecr/repositories.ts";

export {
  findImage,
  inventImage,
  parseReference,
  pushImage,
  repositoryExists,
} from "./ecr/state.ts";

const MUTABILITIES = ["MUTABLE", "IMMUTABLE", "MUTABLE_WITH_EXCLUSION", "IMMUTABLE_WITH_EXCLUSION"];

const repositoryName: Constraint = {
  pattern: /^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$/,
  length: [2, 256],
};
const ofRepository = { registryId: { pattern: /^[0-9]{12}$/ }, repositoryName };
const maxResults: Constraint = { range: [1, 1000] };
const tag: Constraint = { length: [1, 300] };
const tags = { "tags[].Key": { length: [1, 128] }, "tags[].Value": { length: [0, 256] } } as const;
const mutability = {
  imageTagMutability: { oneOf: MUTABILITIES },
  imageTagMutabilityExclusionFilters: { length: [1, 5] },
  "imageTagMutabilityExclusionFilters[].filterType": { oneOf: ["WILDCARD"] },
  "imageTagMutabilityExclusionFilters[].filter": { pattern: /^[0-9a-zA-Z._*-]{1,128}$/ },
} as const;

export const ecr: Service = {
  name: "ecr",
  client: () => import("@aws-sdk/client-ecr"),
  settle: applyLifecyclePolicies,
  operations: {
    ...imageOperations,
    ...lifecycleOperations,
    ...repositoryOperations,
  },
  constraints: {
    BatchDeleteImage: { ...ofRepository, imageIds: { length: [1, 100] } },
    BatchGetImage: { ...ofRepository, imageIds: { length: [1, 100] } },
    CreateRepository: {
      ...ofRepository,
      ...tags,
      ...mutability,
      "encryptionConfiguration.encryptionType": { oneOf: ["AES256", "KMS", "KMS_DSSE"] },
      "encryptionConfiguration.kmsKey": { length: [1, 2048] },
    },
    DeleteLifecyclePolicy: ofRepository,
    DeleteRepository: ofRepository,
    DescribeImageScanFindings: ofRepository,
    DescribeImages: {
      ...ofRepository,
      imageIds: { length: [1, 100] },
      maxResults,
      "filter.tagStatus": { oneOf: ["TAGGED", "UNTAGGED", "ANY"] },
    },
    DescribeRepositories: { repositoryNames: { length: [1, 100] }, "repositoryNames[]": repositoryName, maxResults },
    GetLifecyclePolicy: ofRepository,
    ListImages: { ...ofRepository, maxResults, "filter.tagStatus": { oneOf: ["TAGGED", "UNTAGGED", "ANY"] } },
    PutImage: { ...ofRepository, imageManifest: { length: [1, 4_194_304] }, imageTag: tag },
    PutImageScanningConfiguration: ofRepository,
    PutImageTagMutability: { ...ofRepository, ...mutability },
    PutLifecyclePolicy: { ...ofRepository, lifecyclePolicyText: { length: [100, 30_720] } },
    TagResource: tags,
  },
};
