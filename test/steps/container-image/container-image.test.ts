import { join } from "node:path";
import { CreateRepositoryCommand, PutImageCommand } from "@aws-sdk/client-ecr";
import { beforeEach, describe, expect, it } from "vitest";
import { type ContainerImageInputs, containerImage } from "../../../src/steps/container-image/container-image.ts";
import { contextOf, type Lab, lab, seeker, settle } from "../harness.ts";
import { fakeBuilders } from "./fake-builder.ts";

describe("container-image", () => {
  const onInstance = containerImage({ builder: "instance", files: [], folder: "/unused" });
  let world: Lab;
  let inputs: ContainerImageInputs;

  beforeEach(async () => {
    world = lab();
    const { repository } = await world.cloud.ecr.send(new CreateRepositoryCommand({ repositoryName: "lab/bcl2fastq" }));
    inputs = {
      repositoryName: "lab/bcl2fastq",
      repositoryUri: repository!.repositoryUri!,
      platform: "linux/amd64",
      context: { Dockerfile: "FROM scratch\n" },
      buildArgs: [],
    };
  });

  async function pushed(imageTag: string): Promise<string> {
    const config = "application/vnd.docker.container.image.v1+json";
    const { image } = await world.cloud.ecr.send(
      new PutImageCommand({
        repositoryName: "lab/bcl2fastq",
        imageTag,
        imageManifest: JSON.stringify({
          schemaVersion: 2,
          mediaType: "application/vnd.docker.distribution.manifest.v2+json",
          config: { mediaType: config, size: imageTag.length, digest: `sha256:${"0".repeat(64)}` },
          layers: [],
        }),
      }),
    );
    return image!.imageId!.imageDigest!;
  }

  it("answers the pushed image by its digest, found under its fingerprint with a single call", async () => {
    const context = contextOf(world, onInstance, { inputs });
    expect(await onInstance.find(context)).toEqual([]);
    const digest = await pushed(context.fingerprint);
    const ref = await onInstance.create(context);
    const before = world.calls.length;
    const found = await settle(world, onInstance, context);
    expect(world.calls.slice(before)).toHaveLength(1);
    expect(found).toMatchObject({ ref, node: "container-image", owned: true, state: "ready", drift: [] });
    expect(found.output).toEqual({
      image: `${inputs.repositoryUri}@${digest}`,
      digest,
      tag: context.fingerprint,
    });
  });

  it("tells an image made from other files by its fingerprint, and leaves other people's tags alone", async () => {
    const old = contextOf(world, onInstance, { inputs });
    await pushed(old.fingerprint);
    await pushed("latest");
    const changed = { ...inputs, context: { Dockerfile: "FROM busybox\n" } };
    const context = contextOf(world, onInstance, { inputs: changed });
    const found = await onInstance.find(context);
    expect(found.map(({ fingerprint }) => fingerprint)).toEqual([old.fingerprint]);
    expect(context.fingerprint).not.toBe(old.fingerprint);
  });

  it("is nowhere to be found without its repository, or without inputs", async () => {
    const context = contextOf(world, onInstance, { inputs: { ...inputs, repositoryName: "lab/gone" } });
    expect(await onInstance.find(context)).toEqual([]);
    expect(await onInstance.find(seeker(context))).toEqual([]);
    expect(onInstance.destroy).toBeUndefined();
  });

  it("is pushed from this machine with the registry's own token", async () => {
    const fake = fakeBuilders({
      podman: 'case "$1" in image) echo linux/amd64 ;; login) /bin/cat > "$here/stdin" ;; esac',
    });
    const files = [{ path: "Dockerfile", bytes: Buffer.from("FROM scratch\n"), mode: 0o644 }];
    const here = containerImage({ builder: "podman", files, folder: join(fake.folder, "building") });
    const context = contextOf(world, here, { inputs });
    expect(await here.create(context)).toBe(`${inputs.repositoryUri}:${context.fingerprint}`);
    expect(fake.calls().at(-1)).toBe(`podman push ${inputs.repositoryUri}:${context.fingerprint}`);
    const [registry] = inputs.repositoryUri.split("/");
    expect(fake.calls()).toContain(`podman login --username AWS --password-stdin ${registry}`);
    expect(fake.recorded("stdin").length).toBeGreaterThan(1000);
    expect(fake.calls().join()).not.toContain(fake.recorded("stdin"));
  });
});
