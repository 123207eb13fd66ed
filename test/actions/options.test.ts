import { describe, expect, it } from "vitest";
import { commandFor } from "../../src/actions/options.ts";

describe("a command to type next", () => {
  it("says which environment is meant, and nothing else", () => {
    expect(commandFor("teardown", { sandbox: true, name: "other", region: "us-east-1" })).toBe(
      "bootstrap teardown --sandbox --name other --region us-east-1",
    );
  });

  it("can be pasted into a shell whatever the file is called", () => {
    expect(commandFor("up", { config: "it's here.yaml" })).toBe("bootstrap up --config 'it'\\''s here.yaml'");
  });
});
