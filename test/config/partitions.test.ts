import { expect, test } from "vitest";
import { partitionOf } from "../../src/config/partitions.ts";
import { ConfigError } from "../../src/engine/errors.ts";

test.each([
  ["us-east-1", "aws", "amazonaws.com"],
  ["ap-southeast-5", "aws", "amazonaws.com"],
  ["mx-central-1", "aws", "amazonaws.com"],
  ["il-central-1", "aws", "amazonaws.com"],
  ["cn-north-1", "aws-cn", "amazonaws.com.cn"],
  ["cn-northwest-1", "aws-cn", "amazonaws.com.cn"],
  ["us-gov-west-1", "aws-us-gov", "amazonaws.com"],
  ["eusc-de-east-1", "aws-eusc", "amazonaws.eu"],
])("%s lies in %s", (region, id, dnsSuffix) => {
  expect(partitionOf(region)).toEqual({ id, dnsSuffix });
});

test.each(["", "us-esat-1", "us-east", "US-EAST-1", "us-east-1\n", "cn-northwest-1.evil.example", "us-gov-1"])(
  "%j is no region",
  (text) => {
    expect(() => partitionOf(text)).toThrow(ConfigError);
  },
);

test("a zone in place of a region is put right in the hint", () => {
  const error = (() => {
    try {
      return partitionOf("us-east-1a");
    } catch (thrown) {
      return thrown as ConfigError;
    }
  })();
  expect(error).toMatchObject({ hint: expect.stringContaining("--region us-east-1") });
});
