import {
  CreateLaunchTemplateCommand,
  CreateLaunchTemplateVersionCommand,
  type CreateLaunchTemplateVersionCommandInput,
  DeleteLaunchTemplateCommand,
  DeleteLaunchTemplateVersionsCommand,
  DescribeLaunchTemplatesCommand,
  DescribeLaunchTemplateVersionsCommand,
  ModifyLaunchTemplateCommand,
} from "@aws-sdk/client-ec2";
import { describe, expect, it } from "vitest";
import { type Ec2Lab, ec2Lab } from "./ec2-lab.ts";
import { codeOf } from "./memory.ts";

async function create({ ec2 }: Ec2Lab, LaunchTemplateName = "lab", more: object = {}): Promise<string> {
  const { LaunchTemplate } = await ec2.send(
    new CreateLaunchTemplateCommand({
      LaunchTemplateName,
      LaunchTemplateData: { InstanceType: "c5d.9xlarge" },
      ...more,
    }),
  );
  return LaunchTemplate!.LaunchTemplateId!;
}

async function add(
  { ec2 }: Ec2Lab,
  LaunchTemplateId: string,
  more: Partial<CreateLaunchTemplateVersionCommandInput> = {},
) {
  const input = { LaunchTemplateId, LaunchTemplateData: { InstanceType: "c5d.large" as const }, ...more };
  return (await ec2.send(new CreateLaunchTemplateVersionCommand(input))).LaunchTemplateVersion!;
}

async function versions({ ec2 }: Ec2Lab, LaunchTemplateId: string, ...Versions: string[]) {
  const { LaunchTemplateVersions } = await ec2.send(
    new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateId, ...(Versions.length > 0 && { Versions }) }),
  );
  return LaunchTemplateVersions!.map(({ VersionNumber }) => VersionNumber!).sort();
}

describe("a launch template", () => {
  it("has numbered versions, one of them the default", async () => {
    const lab = ec2Lab();
    const id = await create(lab);
    expect((await add(lab, id)).VersionNumber).toBe(2);
    await add(lab, id);
    expect(await versions(lab, id)).toEqual([1, 2, 3]);
    expect(await versions(lab, id, "$Latest", "$Default")).toEqual([1, 3]);
    const { LaunchTemplate } = await lab.ec2.send(
      new ModifyLaunchTemplateCommand({ LaunchTemplateId: id, DefaultVersion: "2" }),
    );
    expect(LaunchTemplate).toMatchObject({ DefaultVersionNumber: 2, LatestVersionNumber: 3 });
    expect(await versions(lab, id, "$Default")).toEqual([2]);
  });

  it("gives a version the data of its source under its own, and nothing without one", async () => {
    const lab = ec2Lab();
    const id = await create(lab, "lab", { LaunchTemplateData: { InstanceType: "c5d.9xlarge", UserData: "aGk=" } });
    expect((await add(lab, id)).LaunchTemplateData).toEqual({ InstanceType: "c5d.large" });
    expect((await add(lab, id, { SourceVersion: "1" })).LaunchTemplateData).toEqual({
      InstanceType: "c5d.large",
      UserData: "aGk=",
    });
  });

  it("is the same, and so is a version, when its token is sent again", async () => {
    const lab = ec2Lab();
    const id = await create(lab, "lab", { ClientToken: "t" });
    expect(await create(lab, "lab", { ClientToken: "t" })).toBe(id);
    expect(await codeOf(create(lab, "lab"))).toBe("InvalidLaunchTemplateName.AlreadyExistsException");
    expect(await codeOf(create(lab, "other", { ClientToken: "t" }))).toBe("IdempotentParameterMismatch");
    const { VersionNumber } = await add(lab, id, { ClientToken: "v" });
    expect((await add(lab, id, { ClientToken: "v" })).VersionNumber).toBe(VersionNumber);
    expect((await add(lab, id)).VersionNumber).toBe(VersionNumber! + 1);
  });

  it("is found by its tags and its name, and refused by names and ids that are not there", async () => {
    const lab = ec2Lab();
    const id = await create(lab, "lab", {
      TagSpecifications: [{ ResourceType: "launch-template", Tags: [{ Key: "env", Value: "one" }] }],
    });
    lab.pass(5);
    const find = (input: object) => lab.ec2.send(new DescribeLaunchTemplatesCommand(input));
    const byTag = await find({ Filters: [{ Name: "tag:env", Values: ["one"] }] });
    expect(byTag.LaunchTemplates?.map(({ LaunchTemplateId }) => LaunchTemplateId)).toEqual([id]);
    expect((await find({ LaunchTemplateNames: ["lab"] })).LaunchTemplates).toHaveLength(1);
    expect(await codeOf(find({ LaunchTemplateNames: ["no"] }))).toBe("InvalidLaunchTemplateName.NotFoundException");
    expect(await codeOf(find({ LaunchTemplateIds: ["lt-00000000000000000"] }))).toBe(
      "InvalidLaunchTemplateId.NotFound",
    );
    expect(await codeOf(versions(lab, id, "9"))).toBe("InvalidLaunchTemplateId.VersionNotFound");
  });

  it("gives up any version but the default, and says so for each; numbers are never used again", async () => {
    const lab = ec2Lab();
    const id = await create(lab);
    await add(lab, id);
    const answer = await lab.ec2.send(
      new DeleteLaunchTemplateVersionsCommand({ LaunchTemplateId: id, Versions: ["1", "2", "7"] }),
    );
    expect(answer.SuccessfullyDeletedLaunchTemplateVersions).toMatchObject([{ VersionNumber: 2 }]);
    expect(answer.UnsuccessfullyDeletedLaunchTemplateVersions).toMatchObject([
      { VersionNumber: 1, ResponseError: { Code: "unexpectedError" } },
      { VersionNumber: 7, ResponseError: { Code: "launchTemplateVersionDoesNotExist" } },
    ]);
    expect((await add(lab, id)).VersionNumber).toBe(3);
  });

  it("goes with all its versions", async () => {
    const lab = ec2Lab();
    const id = await create(lab);
    await lab.ec2.send(new DeleteLaunchTemplateCommand({ LaunchTemplateId: id }));
    expect(await codeOf(versions(lab, id))).toBe("InvalidLaunchTemplateId.NotFound");
  });

  it("refuses names and user data AWS would not take", async () => {
    const lab = ec2Lab();
    expect(await codeOf(create(lab, "a b c"))).toBe("InvalidLaunchTemplateName.MalformedException");
    const UserData = Buffer.alloc(16_385).toString("base64");
    expect(await codeOf(create(lab, "lab", { LaunchTemplateData: { UserData } }))).toBe("InvalidParameterValue");
  });

  it("launches instances: the request's own members win, tags of both are given", async () => {
    const lab = ec2Lab();
    const LaunchTemplateId = await create(lab, "lab", {
      LaunchTemplateData: {
        InstanceType: "t3.large",
        ImageId: await lab.baseImage(),
        MetadataOptions: { HttpTokens: "required", HttpPutResponseHopLimit: 2 },
        TagSpecifications: [
          {
            ResourceType: "instance",
            Tags: [
              { Key: "a", Value: "template" },
              { Key: "b", Value: "template" },
            ],
          },
        ],
      },
    });
    const instance = await lab.run({
      LaunchTemplate: { LaunchTemplateId, Version: "1" },
      InstanceType: "t3.small",
      TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "b", Value: "request" }] }],
    });
    expect(instance).toMatchObject({ InstanceType: "t3.small", MetadataOptions: { HttpPutResponseHopLimit: 2 } });
    expect(instance.Tags).toEqual([
      { Key: "a", Value: "template" },
      { Key: "b", Value: "request" },
    ]);
    const missing = lab.run({ LaunchTemplate: { LaunchTemplateId, Version: "5" } });
    expect(await codeOf(missing)).toBe("InvalidLaunchTemplateId.VersionNotFound");
  });
});
