import {
  CreateSecurityGroupCommand,
  CreateTagsCommand,
  DeleteTagsCommand,
  DescribeInstancesCommand,
  DescribeRegionsCommand,
  DescribeSubnetsCommand,
  type DescribeSubnetsCommandInput,
  DescribeTagsCommand,
  DescribeVpcsCommand,
} from "@aws-sdk/client-ec2";
import { describe, expect, it } from "vitest";
import { ec2Lab } from "./ec2-lab.ts";
import { codeOf } from "./memory.ts";

describe("filters", () => {
  it("must all pass; of one filter's values any will do, with * and ? for anything", async () => {
    const { ec2 } = ec2Lab();
    const zones = async (...filters: readonly [name: string, ...values: string[]][]) => {
      const Filters = filters.map(([Name, ...Values]) => ({ Name, Values }));
      const { Subnets } = await ec2.send(new DescribeSubnetsCommand({ Filters }));
      return Subnets?.map(({ AvailabilityZone }) => AvailabilityZone?.at(-1))
        .sort()
        .join("");
    };
    const isDefault = ["default-for-az", "true"] as [string, string];
    expect(await zones(isDefault, ["availability-zone", "us-east-1a", "us-east-1c"])).toBe("ac");
    expect(await zones(isDefault, ["availability-zone", "us-*-1b"])).toBe("b");
    expect(await zones(isDefault, ["availability-zone", "us-east-?b"])).toBe("b");
    expect(await zones(isDefault, ["availability-zone", "us-east-1."])).toBe("");
    expect(await zones(["tag:Name", "private-us-east-1d"])).toBe("d");
    // One in each zone, and one in the Local Zone of Boston, us-east-1-bos-1a.
    expect(await zones(["tag-key", "Name"])).toBe("aabcdef");
  });

  it("of an unknown name are refused", async () => {
    const { ec2 } = ec2Lab();
    const ask = ec2.send(new DescribeVpcsCommand({ Filters: [{ Name: "colour", Values: ["red"] }] }));
    expect(await codeOf(ask)).toBe("InvalidParameterValue");
  });
});

describe("pages", () => {
  it("follow each other until all was shown once", async () => {
    const { ec2 } = ec2Lab();
    const seen: string[] = [];
    const input: DescribeSubnetsCommandInput = { MaxResults: 5 };
    for (let pages = 0; pages < 10; pages++) {
      const { Subnets = [], NextToken } = await ec2.send(new DescribeSubnetsCommand(input));
      expect(Subnets.length).toBeLessThanOrEqual(5);
      seen.push(...Subnets.map(({ SubnetId }) => SubnetId!));
      input.NextToken = NextToken;
      if (NextToken === undefined) break;
    }
    expect([seen.length, new Set(seen).size]).toEqual([13, 13]);
  });

  it("refuse a size or a token that is none", async () => {
    const { ec2 } = ec2Lab();
    expect(await codeOf(ec2.send(new DescribeSubnetsCommand({ MaxResults: 2 })))).toBe("InvalidParameterValue");
    expect(await codeOf(ec2.send(new DescribeSubnetsCommand({ NextToken: "x" })))).toBe("InvalidParameterValue");
    const both = new DescribeInstancesCommand({ InstanceIds: ["i-00000000000000000"], MaxResults: 5 });
    expect(await codeOf(ec2.send(both))).toBe("InvalidParameterCombination");
  });
});

it("lists in another order each time", async () => {
  const { ec2 } = ec2Lab();
  const orders = new Set<string>();
  for (let turn = 0; turn < 5; turn++) {
    const { Regions } = await ec2.send(new DescribeRegionsCommand({}));
    orders.add(Regions!.map(({ RegionName }) => RegionName).join());
  }
  expect(orders.size).toBeGreaterThan(1);
});

describe("tags", () => {
  const group = async (lab: ReturnType<typeof ec2Lab>) =>
    (await lab.ec2.send(new CreateSecurityGroupCommand({ GroupName: "g", Description: "d" }))).GroupId!;
  const tagsOf = async ({ ec2 }: ReturnType<typeof ec2Lab>, id: string) => {
    const { Tags } = await ec2.send(new DescribeTagsCommand({ Filters: [{ Name: "resource-id", Values: [id] }] }));
    return Object.fromEntries(Tags!.map(({ Key, Value }) => [Key, Value]));
  };

  it("are added, overwritten and taken away, the last only when the value fits", async () => {
    const lab = ec2Lab();
    const id = await group(lab);
    const put = (Key: string, Value: string) =>
      lab.ec2.send(new CreateTagsCommand({ Resources: [id], Tags: [{ Key, Value }] }));
    await put("a", "1");
    await put("a", "2");
    await put("b", "");
    expect(await tagsOf(lab, id)).toEqual({ a: "2", b: "" });
    await lab.ec2.send(new DeleteTagsCommand({ Resources: [id], Tags: [{ Key: "a", Value: "1" }] }));
    expect(await tagsOf(lab, id)).toEqual({ a: "2", b: "" });
    await lab.ec2.send(new DeleteTagsCommand({ Resources: [id], Tags: [{ Key: "a" }] }));
    expect(await tagsOf(lab, id)).toEqual({ b: "" });
  });

  it("refuse reserved keys, too many of them, doubles, and things that do not exist", async () => {
    const lab = ec2Lab();
    const id = await group(lab);
    const put = (Resources: string[], ...keys: string[]) =>
      codeOf(lab.ec2.send(new CreateTagsCommand({ Resources, Tags: keys.map((Key) => ({ Key, Value: "v" })) })));
    expect(await put([id], "aws:x")).toBe("InvalidParameterValue");
    expect(await put([id], "x", "x")).toBe("InvalidParameterValue");
    expect(await put([id], "k".repeat(129))).toBe("InvalidParameterValue");
    expect(await put([id], ...Array.from({ length: 51 }, (_, index) => `k${index}`))).toBe("TagLimitExceeded");
    expect(await put(["sg-00000000000000000"], "x")).toBe("InvalidGroup.NotFound");
    expect(await put(["lt-00000000000000000"], "x")).toBe("InvalidLaunchTemplateId.NotFound");
    expect(await put(["thing"], "x")).toBe("InvalidID");
    expect(await tagsOf(lab, id)).toEqual({});
  });
});
