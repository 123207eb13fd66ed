import {
  CreateRepositoryCommand,
  DeleteLifecyclePolicyCommand,
  DescribeRepositoriesCommand,
  GetLifecyclePolicyCommand,
  PutImageCommand,
  PutImageScanningConfigurationCommand,
  PutImageTagMutabilityCommand,
} from "@aws-sdk/client-ecr";
import { beforeEach, describe, expect, it } from "vitest";
import { type RepositoryInputs, repository } from "../../src/steps/repository.ts";
import { contextOf, destroyAll, type Lab, lab, make, seeker, settle } from "./harness.ts";

describe("repository", () => {
  let world: Lab;
  const inputs: RepositoryInputs = {
    repositoryName: "lab/bcl2fastq",
    scanOnPush: true,
    immutableTags: true,
    encryption: { type: "AES256" },
    untaggedDays: 14,
  };

  beforeEach(() => {
    world = lab();
  });

  it("makes one with its tags, and its lifecycle policy as drift from birth", async () => {
    const before = world.calls.length;
    const { context, ref, found } = await make(world, repository, { inputs });
    expect(world.writesSince(before)).toEqual(["CreateRepository", "PutLifecyclePolicy"]);
    const { repositories } = await world.cloud.ecr.send(
      new DescribeRepositoriesCommand({ repositoryNames: ["lab/bcl2fastq"] }),
    );
    const live = repositories![0]!;
    expect(live).toMatchObject({
      repositoryArn: ref,
      imageTagMutability: "IMMUTABLE",
      imageScanningConfiguration: { scanOnPush: true },
      encryptionConfiguration: { encryptionType: "AES256" },
    });
    expect(found).toMatchObject({ ref, node: "repository", owned: true, state: "ready", drift: [] });
    expect(found.fingerprint).toBe(context.fingerprint);
    expect(found.output).toEqual({
      repositoryUri: live.repositoryUri,
      repositoryName: "lab/bcl2fastq",
      arn: ref,
    });
  });

  it("lets only images without a tag expire", async () => {
    await make(world, repository, { inputs });
    const answer = await world.cloud.ecr.send(new GetLifecyclePolicyCommand({ repositoryName: "lab/bcl2fastq" }));
    const { rules } = JSON.parse(answer.lifecyclePolicyText!) as { rules: { selection: unknown }[] };
    expect(rules.map(({ selection }) => selection)).toEqual([
      { tagStatus: "untagged", countType: "sinceImagePushed", countUnit: "days", countNumber: 14 },
    ]);
  });

  it("looks at a settled one with three calls", async () => {
    const { context } = await make(world, repository, { inputs });
    const before = world.calls.length;
    await repository.find(context);
    expect(world.calls.slice(before)).toHaveLength(3);
  });

  it("finds it without inputs and for the whole kind, and none of another environment", async () => {
    const { context, ref } = await make(world, repository, { inputs });
    await make(world, repository, { inputs: { ...inputs, repositoryName: "lab2/bcl2fastq" }, name: "lab2" });
    await world.cloud.ecr.send(new CreateRepositoryCommand({ repositoryName: "lab/somebody-elses" }));
    for (const node of ["repository", undefined]) {
      const found = await repository.find(seeker(context, node));
      expect(found).toMatchObject([{ ref, node: "repository", owned: true }]);
      expect(found[0]!.drift).toBeUndefined();
    }
    expect(await repository.find(seeker(context, "other"))).toEqual([]);
  });

  it("is asked for by its name where the manifest knows it, however many the account has", async () => {
    const { context, ref } = await make(world, repository, { inputs });
    const before = world.calls.length;
    const known = { [ref]: { node: "repository", fingerprint: context.fingerprint } };
    expect(await repository.find({ ...seeker(context, "repository"), known })).toMatchObject([{ ref }]);
    const asked = world.calls.slice(before).filter(({ operation }) => operation === "DescribeRepositories");
    expect(asked.map(({ input }) => input)).toMatchObject([{ repositoryNames: ["lab/bcl2fastq"] }]);
  });

  it("only tells that images are not scanned, until it is asked to mend that too", async () => {
    const { context } = await make(world, repository, { inputs });
    const off = { repositoryName: inputs.repositoryName, imageScanningConfiguration: { scanOnPush: false } };
    await world.cloud.ecr.send(new PutImageScanningConfigurationCommand(off));
    const [found] = await repository.find(context);
    expect(found!.drift).toEqual([{ field: "scanOnPush", want: "true", have: "false", disruptive: true }]);
  });

  it("mends what was changed behind its back, by exactly those calls", async () => {
    const { context } = await make(world, repository, { inputs });
    const { repositoryName } = inputs;
    await world.cloud.ecr.send(new DeleteLifecyclePolicyCommand({ repositoryName }));
    await world.cloud.ecr.send(new PutImageTagMutabilityCommand({ repositoryName, imageTagMutability: "MUTABLE" }));
    const fields = (await repository.find(context))[0]!.drift!.map(({ field }) => field);
    expect(fields).toEqual(["imageTagMutability", "lifecycle policy"]);
    const before = world.calls.length;
    await settle(world, repository, context);
    expect(world.writesSince(before)).toEqual(["PutImageTagMutability", "PutLifecyclePolicy"]);
  });

  it("changes in place and marks it as made anew only then; the encryption it cannot change", async () => {
    const { context: old } = await make(world, repository, { inputs });
    const wanted = { ...inputs, scanOnPush: false };
    const context = contextOf(world, repository, { inputs: wanted });
    expect(context.fixedFingerprint).toBe(old.fixedFingerprint);
    const before = world.calls.length;
    await settle(world, repository, context);
    expect(world.writesSince(before)).toEqual(["PutImageScanningConfiguration", "TagResource"]);
    expect(repository.fixed!({ ...inputs, encryption: { type: "KMS" } })).not.toEqual(repository.fixed!(inputs));
  });

  it("does not own one of the same name without our tags", async () => {
    await world.cloud.ecr.send(new CreateRepositoryCommand({ repositoryName: "lab/bcl2fastq" }));
    expect(await repository.find(contextOf(world, repository, { inputs }))).toMatchObject([{ owned: false }]);
  });

  it("removes it with its images, and does not mind that it is gone", async () => {
    const { context, found } = await make(world, repository, { inputs });
    await world.cloud.ecr.send(
      new PutImageCommand({
        repositoryName: inputs.repositoryName,
        imageTag: "one",
        imageManifest: JSON.stringify({
          schemaVersion: 2,
          mediaType: "application/vnd.docker.distribution.manifest.v2+json",
          config: {
            mediaType: "application/vnd.docker.container.image.v1+json",
            size: 2,
            digest: `sha256:${"0".repeat(64)}`,
          },
          layers: [],
        }),
      }),
    );
    const before = world.calls.length;
    await destroyAll(world, repository, seeker(context, "repository"));
    expect(world.writesSince(before)).toEqual(["DeleteRepository"]);
    await repository.destroy!(seeker(context), found);
  });
});
