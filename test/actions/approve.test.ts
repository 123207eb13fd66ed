import { DescribeImagesCommand, RunInstancesCommand } from "@aws-sdk/client-ec2";
import { beforeAll, describe, expect, it } from "vitest";
import { AbortedError, RefusedError } from "../../src/engine/errors.ts";
import type { Asked } from "../environment/site.ts";
import { deskAt, type Moment } from "../proof/desk.ts";
import { type Typed, theFirstUp, type } from "./typed.ts";

beforeAll(async () => {
  await theFirstUp();
}, 60_000);

/** Nothing that changes anything was asked of AWS, and the manifest is as it was. */
async function expectUntouched({ writes, manifest }: Awaited<ReturnType<typeof type>>): Promise<void> {
  expect(writes).toEqual([]);
  expect(manifest).toBe((await theFirstUp()).manifest);
}

it("bake-ami removes without a question what an interrupted up left of the other builder, which the config speaks of", async () => {
  const desk = deskAt(await theFirstUp(), { oversleep: 10 });
  const { ec2 } = desk.site.lab.cloud;
  const { Images } = await ec2.send(new DescribeImagesCommand({ Owners: ["self"] }));
  const own = { "bootstrap:env": "demux", "bootstrap:region": "us-east-1", "bootstrap:node": "image-builder" };
  const Tags = Object.entries(own).map(([Key, Value]) => ({ Key, Value }));
  const TagSpecifications = [{ ResourceType: "instance" as const, Tags }];
  const launch = { ImageId: Images![0]!.ImageId!, InstanceType: "m5.large" as const, MinCount: 1, MaxCount: 1 };
  await ec2.send(new RunInstancesCommand({ ...launch, TagSpecifications }));
  await desk.site.lab.clock.sleep(60_000);
  const { error, writes } = await type("bake-ami", { from: desk.freeze() });
  expect(error).toBeUndefined();
  expect(writes).toContain("TerminateInstances");
});

describe("teardown, where nobody can be asked", () => {
  it.each<[string, Asked]>([
    ["without a flag", {}],
    ["with --yes alone, because data would go", { yes: true }],
    ["with --discard-data alone", { discardData: true }],
    ["with --yes and --json", { yes: true, json: true }],
  ])("is refused %s, and nothing is changed", async (_name, flags) => {
    const ended = await type("teardown", flags);
    expect(ended.error).toBeInstanceOf(RefusedError);
    expect(ended.error).toMatchObject({ hint: expect.stringContaining("bootstrap teardown --yes --discard-data") });
    await expectUntouched(ended);
  });

  it("names the file system that would go with all its data", async () => {
    const { error } = await type("teardown", { yes: true });
    expect(error).toMatchObject({ message: expect.stringMatching(/would remove fs-\w+ with all data on it/) });
  });

  it("removes with both flags", async () => {
    const { error, said, writes } = await type("teardown", { yes: true, discardData: true });
    expect(error).toBeUndefined();
    expect(writes).toContain("DeleteFileSystem");
    expect(said).toContain("nothing is left of demux");
  });
});

describe("teardown at a terminal", () => {
  it.each<[string, Typed, number]>([
    ["to the first question", { answers: [false, true] }, 1],
    ["to the question about the data", { answers: [true, false] }, 2],
    ["to the question about the data, which --yes does not answer", { yes: true, answers: [false] }, 1],
    ["to the first question, which --discard-data does not answer", { discardData: true, answers: [false] }, 1],
  ])("stops on a no %s, and nothing is changed", async (_name, typed, questions) => {
    const ended = await type("teardown", typed);
    expect(ended.error).toBeInstanceOf(AbortedError);
    expect(ended.asked).toHaveLength(questions);
    await expectUntouched(ended);
  });

  it("asks about the data by its name, and removes it on a yes", async () => {
    const { asked, error, writes } = await type("teardown", { yes: true, answers: [true] });
    expect(error).toBeUndefined();
    expect(asked).toEqual([expect.stringMatching(/^fs-\w+ goes with all data on it.* Discard the data\?$/)]);
    expect(writes).toContain("DeleteFileSystem");
  });

  it("asks nothing with both flags", async () => {
    expect((await type("teardown", { yes: true, discardData: true, answers: [] })).asked).toEqual([]);
  });
});

/** The image is replaced; and the repository, with what fills it, is no longer spoken of. */
const LOSSES = [
  ["replaces the image", "machineImage: { packages: [htop] }", /replace ami\b/],
  ["drops the repository", "container: { image: public.ecr.aws/docker/library/busybox:1.36 }", /remove repository \S+/],
] as const;

describe.each(LOSSES)("up that %s", (_name, yaml, loss) => {
  it("is refused without --yes where nobody can be asked, and nothing is changed", async () => {
    const ended = await type("up", { yaml });
    expect(ended.error).toBeInstanceOf(RefusedError);
    expect(ended.error).toMatchObject({
      message: expect.stringMatching(loss),
      hint: "look with --dry-run, then run it again with --yes",
    });
    await expectUntouched(ended);
  });

  it("stops on a no at a terminal, and nothing is changed", async () => {
    const ended = await type("up", { yaml, answers: [false] });
    expect(ended.error).toBeInstanceOf(AbortedError);
    expect(ended.asked).toEqual([expect.stringMatching(loss)]);
    await expectUntouched(ended);
  });

  it.each<[string, Typed]>([
    ["with --yes, unasked", { yes: true }],
    ["on a yes", { answers: [true] }],
  ])("is done %s", async (_how, typed) => {
    const { error, writes, asked } = await type("up", { yaml, ...typed });
    expect(error).toBeUndefined();
    expect(writes).not.toEqual([]);
    expect(asked).toHaveLength(typed.answers?.length ?? 0);
  });
});

describe("up that can be seen to be impossible", () => {
  const YAML =
    "compute: { maxVcpus: 288 }\nfilesystem: { storageType: HDD, deploymentType: PERSISTENT_1, capacityGiB: 6000 }";

  it.each<[string, Typed]>([
    ["where nobody can be asked", {}],
    ["with --yes", { yes: true }],
    ["at a terminal, unasked", { answers: [true, true] }],
  ])("is refused %s before anything that could be done is begun", async (_name, typed) => {
    const ended = await type("up", { yaml: YAML, ...typed });
    expect(ended.error).toBeInstanceOf(RefusedError);
    expect(ended.error).toMatchObject({
      message: expect.stringMatching(/^leaving filesystem \(filesystem\) as it is/),
    });
    expect(ended.asked).toEqual([]);
    await expectUntouched(ended);
  });

  it("and the rest of it alone would have been done", async () => {
    const { error, writes } = await type("up", { yaml: "compute: { maxVcpus: 288 }" });
    expect(error).toBeUndefined();
    expect(writes).toContain("UpdateComputeEnvironment");
  });
});

describe("a change that puts the file system out of reach", () => {
  const yaml = "filesystem: { lustreVersion: '2.15' }";
  let older: Moment;

  beforeAll(async () => {
    const desk = deskAt(undefined, { oversleep: 10 });
    expect((await desk.site.up("filesystem: { lustreVersion: '2.12' }")).summary?.failures).toEqual([]);
    older = desk.freeze();
  }, 60_000);

  it("is asked about, with how long nobody can use it", async () => {
    const { asked, error, writes } = await type("up", { yaml, answers: [false], from: older });
    expect(asked).toEqual([
      expect.stringMatching(/lustreVersion from 2\.12 to 2\.15: nobody can use it for up to 30 min/),
    ]);
    expect(error).toBeInstanceOf(AbortedError);
    expect(writes).toEqual([]);
  });

  it("is refused where nobody can be asked, but for --yes", async () => {
    const { error, writes } = await type("up", { yaml, from: older });
    expect(error).toBeInstanceOf(RefusedError);
    expect(writes).toEqual([]);
    expect((await type("up", { yaml, yes: true, from: older })).writes).toContain("UpdateFileSystem");
  });
});
