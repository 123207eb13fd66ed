import { describe, expect, it } from "vitest";
import {
  ENV_TAG,
  fingerprintTags,
  fromTags,
  iamName,
  MADE_TAG,
  NODE_TAG,
  REGION_TAG,
  tagFilters,
  tagList,
  tagRecord,
  tagsOf,
  uniqueName,
} from "../../src/aws/tags.ts";
import { isIntended } from "../../src/engine/decide/things.ts";
import type { StepRecord } from "../../src/engine/manifest/manifest.ts";

const MAKER = {
  ...{ name: "lab", region: "us-east-1", node: "builder", fingerprint: "f1", fixedFingerprint: "f2" },
  ...{ token: "6f9f1ab2-0000-4000-8000-0000aaaabbbb", now: new Date("2026-11-21T07:00:00.123Z") },
};
const SEEKER = { name: "lab", region: "us-east-1", node: "builder" };

it("carry the user's own tags, which never take the place of ours", () => {
  const maker = {
    ...{ name: "lab", region: "us-east-1", node: "ami", fingerprint: "f", fixedFingerprint: "x", token: "12345678" },
    now: new Date(0),
  };
  const tags = { team: "sequencing", "bootstrap:env": "another" };
  expect(tagsOf({ ...maker, tags })).toEqual({ ...tagsOf(maker), team: "sequencing" });
});

describe("the tags a thing is made with", () => {
  it("say whose it is, what it was made from, when and in which attempt", () => {
    expect(tagsOf(MAKER)).toEqual({
      Name: "lab-builder",
      "bootstrap:env": "lab",
      "bootstrap:region": "us-east-1",
      "bootstrap:node": "builder",
      "bootstrap:fingerprint": "f1",
      "bootstrap:fixed": "f2",
      "bootstrap:made": expect.stringMatching(/^2026-11-21T07:00:00Z \d+\.\d+\.\d+\S* aaaabbbb$/),
    });
  });

  it("are read back as what they said, and known by the attempt's record", () => {
    const read = fromTags(SEEKER, tagsOf(MAKER));
    expect(read).toEqual({
      node: "builder",
      owned: true,
      fingerprint: "f1",
      fixedFingerprint: "f2",
      token: "aaaabbbb",
    });
    const record: StepRecord = {
      ...{ kind: "instance", needs: [], phase: "creating", inputs: {}, fingerprint: "other", token: MAKER.token },
      at: MAKER.now.toISOString(),
    };
    expect(isIntended(record, { ref: "i-1", state: "ready", ...read })).toBe(true);
  });

  it("are written anew by an update only where they tell the inputs", () => {
    expect(fingerprintTags(MAKER)).toEqual({ "bootstrap:fingerprint": "f1", "bootstrap:fixed": "f2" });
  });
});

describe("a thing is ours", () => {
  const tags = tagsOf(MAKER);
  const owned = (of: object, seeker: Parameters<typeof fromTags>[0] = SEEKER) =>
    fromTags(seeker, { ...tags, ...of }).owned;

  it("only when environment, region and node all match", () => {
    expect(owned({})).toBe(true);
    expect(owned({ [ENV_TAG]: "lab-2" })).toBe(false);
    expect(owned({ [REGION_TAG]: "us-east-2" })).toBe(false);
    expect(owned({ [NODE_TAG]: "image-builder" })).toBe(false);
  });

  it("whatever its node, when the whole kind is asked for, but never without one", () => {
    const whole = { name: "lab", region: "us-east-1" };
    expect(owned({}, whole)).toBe(true);
    const { [NODE_TAG]: _node, ...without } = tags;
    expect(fromTags(whole, without)).toMatchObject({ owned: false, node: "" });
  });

  it("never without tags", () => {
    expect(fromTags(SEEKER, {})).toEqual({
      ...{ node: "builder", owned: false },
      ...{ fingerprint: undefined, fixedFingerprint: undefined, token: undefined },
    });
  });
});

describe("EC2's filters", () => {
  it("ask for one node, or for everything that has one", () => {
    const ours = [
      { Name: "tag:bootstrap:env", Values: ["lab"] },
      { Name: "tag:bootstrap:region", Values: ["us-east-1"] },
    ];
    expect(tagFilters(SEEKER)).toEqual([...ours, { Name: "tag:bootstrap:node", Values: ["builder"] }]);
    expect(tagFilters({ name: "lab", region: "us-east-1" })).toEqual([
      ...ours,
      { Name: "tag-key", Values: ["bootstrap:node"] },
    ]);
  });
});

describe("names", () => {
  it("of what can be replaced are another one for each attempt", () => {
    expect(uniqueName(MAKER)).toBe("lab-builder-aaaabbbb");
    expect(uniqueName({ ...MAKER, token: "6f9f1ab2-0000-4000-8000-0000ccccdddd" })).toBe("lab-builder-ccccdddd");
  });

  it("in IAM, which is global, carry the region; without a node they are what all begin with", () => {
    expect(iamName(SEEKER)).toBe("lab-us-east-1-builder");
    expect(iamName({ ...SEEKER, node: undefined })).toBe("lab-us-east-1-");
  });
});

describe("lists of tags", () => {
  it("are a record the other way round", () => {
    const tags = tagsOf(MAKER);
    expect(tagRecord(tagList(tags))).toEqual(tags);
    expect(tagRecord(undefined)).toEqual({});
    expect(tagList({ [MADE_TAG]: "x" })).toEqual([{ Key: "bootstrap:made", Value: "x" }]);
  });
});
