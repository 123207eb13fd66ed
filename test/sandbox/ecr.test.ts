import {
  BatchDeleteImageCommand,
  BatchGetImageCommand,
  CreateRepositoryCommand,
  DeleteLifecyclePolicyCommand,
  DeleteRepositoryCommand,
  DescribeImageScanFindingsCommand,
  DescribeImagesCommand,
  DescribeRepositoriesCommand,
  GetAuthorizationTokenCommand,
  GetLifecyclePolicyCommand,
  ListImagesCommand,
  ListTagsForResourceCommand,
  PutImageCommand,
  PutImageScanningConfigurationCommand,
  PutImageTagMutabilityCommand,
  PutLifecyclePolicyCommand,
  TagResourceCommand,
} from "@aws-sdk/client-ecr";
import { beforeEach, describe, expect, it } from "vitest";
import { type ServiceLab, serviceLab, wordsOf } from "./service-lab.ts";

const repositoryName = "lab/bcl2fastq";
const MEDIA_TYPE = "application/vnd.docker.distribution.manifest.v2+json";
let lab: ServiceLab;

beforeEach(() => {
  lab = serviceLab();
});

function create(input: Partial<ConstructorParameters<typeof CreateRepositoryCommand>[0]> = {}) {
  return lab.ecr.send(new CreateRepositoryCommand({ repositoryName, ...input }));
}

function put(imageTag: string | undefined, content = "x") {
  const imageManifest = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE, layers: [{ size: 10 }], content });
  return lab.ecr.send(new PutImageCommand({ repositoryName, imageManifest, imageTag }));
}

async function tags(): Promise<(string | undefined)[]> {
  const { imageIds } = await lab.ecr.send(new ListImagesCommand({ repositoryName }));
  return imageIds!.map(({ imageTag }) => imageTag).sort();
}

describe("a repository", () => {
  it("has a URI under its registry's host, in China with .cn", async () => {
    const { repository } = await create();
    expect(repository).toMatchObject({
      repositoryUri: `123456789012.dkr.ecr.us-east-1.amazonaws.com/${repositoryName}`,
      repositoryArn: `arn:aws:ecr:us-east-1:123456789012:repository/${repositoryName}`,
      imageTagMutability: "MUTABLE",
      imageScanningConfiguration: { scanOnPush: false },
      encryptionConfiguration: { encryptionType: "AES256" },
    });
    lab = serviceLab("cn-northwest-1");
    expect((await create()).repository!.repositoryUri).toBe(
      `123456789012.dkr.ecr.cn-northwest-1.amazonaws.com.cn/${repositoryName}`,
    );
  });

  it("is made once, with a name AWS could give", async () => {
    await create();
    expect(await wordsOf(create())).toBe(
      `RepositoryAlreadyExistsException: The repository with name '${repositoryName}' already exists in the registry ` +
        "with id '123456789012'",
    );
    expect(await wordsOf(create({ repositoryName: "Lab" }))).toMatch(/^InvalidParameterException/);
  });

  it("is changed in place, but for its encryption", async () => {
    const { repository } = await create({ encryptionConfiguration: { encryptionType: "KMS" } });
    expect(repository!.encryptionConfiguration!.kmsKey).toMatch(/^arn:aws:kms:us-east-1:123456789012:key\//);
    const scanOnPush = { scanOnPush: true };
    await lab.ecr.send(
      new PutImageScanningConfigurationCommand({ repositoryName, imageScanningConfiguration: scanOnPush }),
    );
    await lab.ecr.send(new PutImageTagMutabilityCommand({ repositoryName, imageTagMutability: "IMMUTABLE" }));
    const resourceArn = repository!.repositoryArn!;
    await lab.ecr.send(new TagResourceCommand({ resourceArn, tags: [{ Key: "a", Value: "1" }] }));
    const { repositories } = await lab.ecr.send(new DescribeRepositoriesCommand({ repositoryNames: [repositoryName] }));
    expect(repositories![0]).toMatchObject({
      imageTagMutability: "IMMUTABLE",
      imageScanningConfiguration: scanOnPush,
    });
    const listed = await lab.ecr.send(new ListTagsForResourceCommand({ resourceArn }));
    expect(listed.tags).toEqual([{ Key: "a", Value: "1" }]);
  });

  it("with images goes only by force", async () => {
    await create();
    await put("v1");
    const remove = (force: boolean) => lab.ecr.send(new DeleteRepositoryCommand({ repositoryName, force }));
    expect(await wordsOf(remove(false))).toMatch(/^RepositoryNotEmptyException: .*still contains images/);
    await remove(true);
    expect(await wordsOf(remove(true))).toMatch(/^RepositoryNotFoundException: .*does not exist in the registry/);
  });
});

describe("an image", () => {
  it("moves a mutable tag, and is refused an immutable one", async () => {
    await create();
    await put("v1", "old");
    await put("v1", "new");
    expect(await tags()).toEqual(["v1", undefined]);
    await lab.ecr.send(new PutImageTagMutabilityCommand({ repositoryName, imageTagMutability: "IMMUTABLE" }));
    expect(await wordsOf(put("v1", "newest"))).toMatch(
      /^ImageTagAlreadyExistsException: The image tag 'v1' already exists/,
    );
    await put("v2", "newest");
    expect(await wordsOf(put("v2", "newest"))).toMatch(/^ImageAlreadyExistsException/);
  });

  it("is described by tag with its digest; one that is not there is AWS's own error", async () => {
    await create();
    const { image } = await put("v1");
    const describe = (imageTag: string) =>
      lab.ecr.send(new DescribeImagesCommand({ repositoryName, imageIds: [{ imageTag }] }));
    const { imageDetails } = await describe("v1");
    expect(imageDetails![0]).toMatchObject({
      imageDigest: image!.imageId!.imageDigest,
      imageTags: ["v1"],
      imageSizeInBytes: 10,
      imageManifestMediaType: MEDIA_TYPE,
    });
    expect(await wordsOf(describe("v2"))).toBe(
      "ImageNotFoundException: The image with imageId {imageDigest:'null', imageTag:'v2'} does not exist within the " +
        `repository with name '${repositoryName}' in the registry with id '123456789012'`,
    );
  });

  it("that is not there is a failure, no error, to the batch calls", async () => {
    await create();
    const { image } = await put("v1");
    const imageIds = [{ imageTag: "v1" }, { imageTag: "v2" }];
    const got = await lab.ecr.send(new BatchGetImageCommand({ repositoryName, imageIds }));
    expect(got.images!.map(({ imageId }) => imageId)).toEqual([{ ...image!.imageId }]);
    expect(got.failures!.map(({ failureCode }) => failureCode)).toEqual(["ImageNotFound"]);
    const gone = await lab.ecr.send(new BatchDeleteImageCommand({ repositoryName, imageIds }));
    expect([gone.imageIds!.length, gone.failures!.length]).toEqual([1, 1]);
    expect(await tags()).toEqual([]);
  });

  it("is scanned on push where the repository says so, within a minute", async () => {
    await create({ imageScanningConfiguration: { scanOnPush: true } });
    await put("v1");
    const scan = () =>
      lab.ecr.send(new DescribeImageScanFindingsCommand({ repositoryName, imageId: { imageTag: "v1" } }));
    expect((await scan()).imageScanStatus!.status).toBe("IN_PROGRESS");
    lab.pass(61);
    expect((await scan()).imageScanStatus!.status).toBe("COMPLETE");
  });
});

describe("a lifecycle policy", () => {
  const rule = (rulePriority: number, selection: object) => ({
    rulePriority,
    description: "untagged images expire, so that the registry does not fill up",
    selection,
    action: { type: "expire" },
  });
  const untagged = { tagStatus: "untagged", countType: "sinceImagePushed", countUnit: "days", countNumber: 14 };
  const putPolicy = (policy: unknown) =>
    lab.ecr.send(
      new PutLifecyclePolicyCommand({ repositoryName, lifecyclePolicyText: JSON.stringify(policy, null, 2) }),
    );

  beforeEach(() => create());

  it("comes back in ECR's own spelling", async () => {
    const text = JSON.stringify({ rules: [rule(1, untagged)] });
    expect((await putPolicy({ rules: [rule(1, untagged)] })).lifecyclePolicyText).toBe(text);
    const got = await lab.ecr.send(new GetLifecyclePolicyCommand({ repositoryName }));
    expect(got.lifecyclePolicyText).toBe(text);
    await lab.ecr.send(new DeleteLifecyclePolicyCommand({ repositoryName }));
    expect(await wordsOf(lab.ecr.send(new GetLifecyclePolicyCommand({ repositoryName })))).toMatch(
      /^LifecyclePolicyNotFoundException/,
    );
  });

  it.each([
    ["no rules", { rules: [], padding: "x".repeat(100) }],
    ["days without since", { rules: [rule(1, { ...untagged, countType: "imageCountMoreThan" })] }],
    ["tagged without a prefix", { rules: [rule(1, { ...untagged, tagStatus: "tagged" })] }],
    ["one priority twice", { rules: [rule(1, untagged), rule(1, untagged)] }],
    ["any before others", { rules: [rule(1, { ...untagged, tagStatus: "any" }), rule(2, untagged)] }],
  ])("is refused with %s", async (_, policy) => {
    expect(await wordsOf(putPolicy(policy))).toMatch(
      /^InvalidParameterException: .*Lifecycle policy validation failure/,
    );
  });

  it("lets untagged images expire after their days, and no other", async () => {
    await put("v1", "old");
    await put("v1", "new");
    await putPolicy({ rules: [rule(1, untagged)] });
    lab.pass(14 * 86_400);
    expect(await tags()).toHaveLength(2);
    lab.pass(2 * 86_400);
    expect(await tags()).toEqual(["v1"]);
  });
});

it("the password is as long as ECR's own, for the registry with its scheme", async () => {
  const { authorizationData } = await lab.ecr.send(new GetAuthorizationTokenCommand({}));
  const [user, password] = Buffer.from(authorizationData![0]!.authorizationToken!, "base64").toString().split(":");
  expect(user).toBe("AWS");
  expect(password!.length).toBeGreaterThan(1800);
  expect(password!.length).toBeLessThan(2200);
  expect(authorizationData![0]!.proxyEndpoint).toBe("https://123456789012.dkr.ecr.us-east-1.amazonaws.com");
  expect(authorizationData![0]!.expiresAt!.getTime()).toBe(lab.clock.now() + 12 * 3_600_000);
});
