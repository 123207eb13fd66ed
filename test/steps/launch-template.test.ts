import {
  CreateLaunchTemplateCommand,
  DescribeLaunchTemplatesCommand,
  DescribeLaunchTemplateVersionsCommand,
} from "@aws-sdk/client-ec2";
import { beforeEach, describe, expect, it } from "vitest";
import { tagRecord } from "../../src/aws/tags.ts";
import { type LaunchTemplateInputs, launchTemplate } from "../../src/steps/launch-template.ts";
import { contextOf, destroyAll, type Lab, lab, make, seeker } from "./harness.ts";

const first: LaunchTemplateInputs = { userData: "MIME-Version: 1.0\n", imageId: "ami-0123456789abcdef0", volumes: [] };
const second: LaunchTemplateInputs = { ...first, imageId: "ami-0fedcba9876543210" };
const third: LaunchTemplateInputs = { ...first, volumes: [{ deviceName: "/dev/xvdb", sizeGiB: 60 }] };

describe("a launch template with the user's own tags", () => {
  it("puts them on itself and on what is launched from it, beside its own", async () => {
    const world = lab();
    const inputs = {
      userData: "",
      imageId: "ami-0123456789abcdef0",
      volumes: [],
      tags: { team: "sequencing", Name: "x" },
    };
    const context = { ...contextOf(world, launchTemplate, { inputs }), tags: { team: "sequencing" } };
    await launchTemplate.create(context);
    const sent = world.calls.find(({ operation }) => operation === "CreateLaunchTemplate")!.input as {
      TagSpecifications: { Tags: { Key: string; Value: string }[] }[];
      LaunchTemplateData: { TagSpecifications: { ResourceType: string; Tags: { Key: string; Value: string }[] }[] };
    };
    const own = { Key: "team", Value: "sequencing" };
    expect(sent.TagSpecifications[0]!.Tags).toContainEqual(own);
    for (const { Tags } of sent.LaunchTemplateData.TagSpecifications) {
      expect(Tags).toContainEqual(own);
      expect(Tags.filter(({ Key }) => Key === "Name")).toEqual([{ Key: "Name", Value: "lab-batch" }]);
    }
  });
});

describe("launch-template", () => {
  let world: Lab;

  beforeEach(() => {
    world = lab();
  });

  const versions = async () =>
    (await world.cloud.ec2.send(new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateName: "lab" })))
      .LaunchTemplateVersions!;

  it("makes the template with its first version in one call", async () => {
    const before = world.calls.length;
    const { context, found } = await make(world, launchTemplate, { inputs: first });
    expect(world.writesSince(before)).toEqual(["CreateLaunchTemplate"]);
    expect(found).toMatchObject({ owned: true, state: "ready", drift: [], fingerprint: context.fingerprint });
    expect(found.token).toBe(context.token.slice(-8));
    expect(found.output).toMatchObject({ launchTemplateName: "lab", version: "1" });
    expect(found.ref).toBe(`${found.output.launchTemplateId}:1`);
    const { LaunchTemplates } = await world.cloud.ec2.send(new DescribeLaunchTemplatesCommand({}));
    expect(tagRecord(LaunchTemplates![0]!.Tags)).toMatchObject({ "bootstrap:env": "lab" });
  });

  it("launches with IMDSv2 only and out of containers' reach, for machines that end when they power off, and marks what it launches with image and environment but no node", async () => {
    await make(world, launchTemplate, { inputs: third });
    const [version] = await versions();
    const data = version!.LaunchTemplateData!;
    expect(Buffer.from(data.UserData!, "base64").toString()).toBe(third.userData);
    expect(data.MetadataOptions).toMatchObject({ HttpTokens: "required", HttpPutResponseHopLimit: 1 });
    expect(data.InstanceInitiatedShutdownBehavior).toBe("terminate");
    expect(data.ImageId).toBeUndefined();
    expect(data.BlockDeviceMappings).toMatchObject([
      { DeviceName: "/dev/xvdb", Ebs: { VolumeSize: 60, Encrypted: true } },
    ]);
    expect(data.TagSpecifications!.map(({ ResourceType }) => ResourceType).sort()).toEqual(["instance", "volume"]);
    for (const { Tags } of data.TagSpecifications!) {
      expect(tagRecord(Tags)).toEqual({
        Name: "lab-batch",
        "bootstrap:env": "lab",
        "bootstrap:image": "ami-0123456789abcdef0",
      });
    }
  });

  it("makes a new version of the same template from other inputs, and makes it the default one", async () => {
    await make(world, launchTemplate, { inputs: first });
    const before = world.calls.length;
    const { found } = await make(world, launchTemplate, { inputs: second });
    expect(world.writesSince(before)).toEqual(["CreateLaunchTemplateVersion", "ModifyLaunchTemplate"]);
    expect(found.output.version).toBe("2");
    expect((await versions()).find(({ DefaultVersion }) => DefaultVersion)?.VersionNumber).toBe(2);
  });

  it("gives each version of its own only what it was made with", async () => {
    await make(world, launchTemplate, { inputs: third });
    await make(world, launchTemplate, { inputs: second });
    const newest = (await versions()).find(({ VersionNumber }) => VersionNumber === 2);
    expect(newest!.LaunchTemplateData!.BlockDeviceMappings ?? []).toEqual([]);
  });

  it("makes nothing more when the answer to the same attempt was lost", async () => {
    for (const inputs of [first, second]) {
      const context = contextOf(world, launchTemplate, { inputs });
      const ref = await launchTemplate.create(context);
      expect(await launchTemplate.create(context)).toBe(ref);
      await world.clock.sleep(10_000);
      expect(await launchTemplate.create(context)).toBe(ref);
    }
    expect(await versions()).toHaveLength(2);
  });

  it("finds each version with two calls, without inputs and for the whole kind", async () => {
    await make(world, launchTemplate, { inputs: first });
    const { context } = await make(world, launchTemplate, { inputs: second });
    for (const node of ["launch-template", undefined]) {
      const before = world.calls.length;
      const found = await launchTemplate.find(seeker(context, node));
      expect(world.calls.length - before).toBe(2);
      expect(found.map(({ ref }) => ref.split(":")[1]).sort()).toEqual(["1", "2"]);
      expect(found.every(({ owned, drift }) => owned && drift === undefined)).toBe(true);
    }
  });

  it("does not own a template of the same name without our tags, and adds no version to it", async () => {
    await world.cloud.ec2.send(
      new CreateLaunchTemplateCommand({ LaunchTemplateName: "lab", LaunchTemplateData: { InstanceType: "m5.large" } }),
    );
    await world.clock.sleep(10_000);
    const context = contextOf(world, launchTemplate, { inputs: first });
    expect(await launchTemplate.find(context)).toMatchObject([{ owned: false }]);
    await expect(launchTemplate.create(context)).rejects.toThrow(
      expect.objectContaining({ name: "InvalidLaunchTemplateName.AlreadyExistsException" }),
    );
    expect(await versions()).toHaveLength(1);
  });

  it("deletes an old version and leaves the newest", async () => {
    const old = await make(world, launchTemplate, { inputs: first });
    const { context } = await make(world, launchTemplate, { inputs: second });
    const before = world.calls.length;
    await launchTemplate.destroy!(seeker(context, "launch-template"), old.found);
    expect(world.writesSince(before)).toEqual(["DeleteLaunchTemplateVersions"]);
    expect((await launchTemplate.find(context)).map(({ ref }) => ref.split(":")[1])).toEqual(["2"]);
  });

  it("moves the default to another version before it deletes the default one", async () => {
    await make(world, launchTemplate, { inputs: first });
    const { context, found } = await make(world, launchTemplate, { inputs: second });
    const before = world.calls.length;
    await launchTemplate.destroy!(seeker(context, "launch-template"), found);
    expect(world.writesSince(before)).toEqual(["ModifyLaunchTemplate", "DeleteLaunchTemplateVersions"]);
    expect((await versions()).map(({ VersionNumber }) => VersionNumber)).toEqual([1]);
  });

  it("deletes the template with its last version, also when all go at once", async () => {
    await make(world, launchTemplate, { inputs: first });
    await make(world, launchTemplate, { inputs: second });
    const { context } = await make(world, launchTemplate, { inputs: third });
    const all = await launchTemplate.find(seeker(context));
    await Promise.allSettled(all.map((found) => launchTemplate.destroy!(seeker(context, found.node), found)));
    await destroyAll(world, launchTemplate, seeker(context));
    const { LaunchTemplates } = await world.cloud.ec2.send(new DescribeLaunchTemplatesCommand({}));
    expect(LaunchTemplates).toEqual([]);
  });
});
