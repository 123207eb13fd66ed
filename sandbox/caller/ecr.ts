import type { Tag } from "@aws-sdk/client-ecr";
import type { Call } from "../service.ts";
import { repositories } from "../services/ecr/state.ts";
import { toTagMap } from "../services/key-value-tags.ts";
import { ANYTHING, alike, type Demand, type Table, tagsOfRequest, tagsOfResource } from "./demands.ts";

interface OfRepository {
  readonly repositoryName?: string;
  readonly repositoryNames?: readonly string[];
  readonly resourceArn?: string;
  readonly tags?: Tag[];
}

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html */
export const ecr: Table = {
  GetAuthorizationToken: ANYTHING,
  ...alike(
    [
      "BatchDeleteImage",
      "BatchGetImage",
      "DeleteLifecyclePolicy",
      "DeleteRepository",
      "DescribeImageScanFindings",
      "DescribeImages",
      "GetLifecyclePolicy",
      "ListImages",
      "PutImage",
      "PutImageScanningConfiguration",
      "PutImageTagMutability",
      "PutLifecyclePolicy",
      "StartImageScan",
    ],
    ({ repositoryName = "" }: OfRepository, call) => [onRepository(call, repositoryName)],
  ),
  // All of them, where none is named.
  DescribeRepositories: ({ repositoryNames = ["*"] }: OfRepository, call: Call) =>
    repositoryNames.map((name) => onRepository(call, name)),
  CreateRepository: ({ repositoryName = "", tags }: OfRepository, call: Call) => {
    const resource = arnOf(call, repositoryName);
    const keys = tagsOfRequest(toTagMap(tags));
    return [{ resource, keys }, ...(tags?.length ? [{ action: "ecr:TagResource", resource, keys }] : [])];
  },
  ...alike(
    ["TagResource", "UntagResource", "ListTagsForResource"],
    ({ resourceArn = "", tags }: OfRepository, call) => {
      const { keys } = onRepository(call, resourceArn.split(":repository/")[1] ?? "");
      return [{ resource: resourceArn, keys: { ...keys, ...tagsOfRequest(toTagMap(tags)) } }];
    },
  ),
};

function arnOf({ partition, region, account }: Call, name: string): string {
  return `arn:${partition}:ecr:${region}:${account}:repository/${name}`;
}

function onRepository(call: Call, name: string): Demand {
  return { resource: arnOf(call, name), keys: tagsOfResource(repositories.find(call, name)?.tags, "ecr:ResourceTag") };
}
