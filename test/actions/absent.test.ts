import { beforeAll, describe, expect, it } from "vitest";
import { status } from "../../src/actions/status.ts";
import { teardown } from "../../src/actions/teardown.ts";
import { memoryStore } from "../engine/toy-cloud.ts";
import { Site } from "../environment/site.ts";

const messages = ({ error }: { readonly error: unknown }) => {
  const { message, hint } = error as { readonly message: string; readonly hint?: string };
  return [message, hint];
};

describe("an environment of which nothing is there", () => {
  const site = new Site();
  const fresh = () => {
    site.store = memoryStore();
  };
  const ABSENT = "there is no environment demx in us-east-1, account 123456789012";
  const OTHERS = "in this region there is demux: choose with --name, or another --region";

  it("is refused by status, with what makes it", async () => {
    const ended = await site.run(status, {});
    expect(ended.exitCode).toBe(3);
    expect(messages(ended)).toEqual([
      "there is no environment demux in us-east-1, account 123456789012",
      "bootstrap up makes it; if it stands elsewhere, name its --region",
    ]);
  });

  it("is nothing to remove for teardown, where there is no other that may have been meant", async () => {
    const ended = await site.run(teardown, { yaml: "name: demx", yes: true });
    expect([ended.exitCode, ended.said]).toEqual([0, expect.stringContaining("nothing of demx in us-east-1")]);
  });

  describe("beside another one", () => {
    beforeAll(async () => {
      await site.up("name: demux");
      fresh();
    });

    it.each([
      ["status", status],
      ["teardown", teardown],
    ])("is refused by %s, which names that one", async (_verb, action) => {
      const ended = await site.run(action, { yaml: "name: demx", yes: true, discardData: true });
      expect(ended.exitCode).toBe(3);
      expect(messages(ended)).toEqual([ABSENT, OTHERS]);
      expect(ended.writes).toEqual([]);
    });

    it("is said to be gone where one may not look for others", async () => {
      site.lab.faults.push({ operation: "DescribeTags", error: { code: "UnauthorizedOperation", status: 403 } });
      const ended = await site.run(teardown, { yaml: "name: demx", yes: true });
      expect([ended.exitCode, ended.said]).toEqual([0, expect.stringContaining("nothing of demx in us-east-1")]);
    });
  });
});
