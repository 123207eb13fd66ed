import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { status } from "../../src/actions/status.ts";
import { teardown } from "../../src/actions/teardown.ts";
import { up } from "../../src/actions/up.ts";
import { errorLines } from "../../src/cli/exit.ts";
import { resultInJson, type Told } from "../../src/cli/json.ts";
import { inJson, type Said, written } from "../../src/log/lines.ts";
import { eventsSchema, lineSchema } from "../../src/log/schema.ts";
import type { Asked, Ended } from "../environment/site.ts";
import { Site } from "../environment/site.ts";
import { RUN } from "../ui/recorded.ts";

const SCHEMA = new URL("../../docs/events.schema.json", import.meta.url);

it("is the one in docs (npm run schema)", () => {
  expect(JSON.parse(readFileSync(SCHEMA, "utf8"))).toEqual(JSON.parse(JSON.stringify(eventsSchema())));
});

/** What the lines of a run are, by their types; each must be what the schema says, and nothing else. */
function typesOf(lines: readonly Said[]): readonly string[] {
  return lines.map((line) => {
    const parsed = lineSchema.parse(JSON.parse(written(line)));
    expect(parsed).toEqual(JSON.parse(written(line)));
    return parsed.type;
  });
}

function linesOf({ events, result, error }: Ended): readonly Said[] {
  return [
    ...events.map(inJson),
    ...(result === undefined ? [] : resultInJson(result as Told)),
    ...(error === undefined ? [] : errorLines(error, {})),
  ];
}

describe("what a run says is what the schema says", () => {
  const site = new Site();
  const types = async (action: typeof up, asked: Asked = {}) =>
    new Set(typesOf(linesOf(await site.run(action, asked))));

  it("of a plan, a first run, one that changes nothing, a look and a removal", async () => {
    expect(await types(up, { dryRun: true })).toEqual(new Set(["began", "plan"]));
    expect(await types(up, { yes: true })).toEqual(
      new Set(["began", "note", "planned", "started", "seen", "finished", "up"]),
    );
    expect([...(await types(up))].at(-1)).toBe("idle");
    expect([...(await types(status))].at(-1)).toBe("plan");
    expect([...(await types(teardown))].at(-1)).toBe("error");
    expect([...(await types(teardown, { yes: true, discardData: true }))].at(-1)).toBe("removed");
  });

  it("of failures, with what AWS answered", () => {
    expect(typesOf(RUN.map(inJson))).toContain("failed");
    const failed = RUN.map(inJson).find((line) => line.type === "failed");
    expect(failed).toMatchObject({
      error: { code: "step", aws: { code: "ServiceLimitExceeded", requestId: "r-1" } },
    });
  });

  it("but of nothing that it does not know", () => {
    expect(lineSchema.safeParse({ v: 1, type: "note", at: 0, text: "", more: true }).success).toBe(false);
    expect(lineSchema.safeParse({ v: 2, type: "note", at: 0, text: "" }).success).toBe(false);
  });
});
