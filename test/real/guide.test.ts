import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { callsIn } from "../../scripts/fidelity/page.ts";
import { GUIDE, GUIDE_REGIONS, type GuideRuns, runGuide } from "../fidelity/guide-calls.ts";
import { demandTools } from "./image/tools.ts";

const page = readFileSync(new URL("../../docs/fidelity.md", import.meta.url), "utf8");

describe("the manual guide, typed into Debian's aws CLI", () => {
  let runs: GuideRuns;

  beforeAll(async () => {
    demandTools({ "/usr/bin/aws": "awscli", shellcheck: "shellcheck", shfmt: "shfmt" });
    runs = await runGuide();
  }, 1_200_000);

  it.each(GUIDE_REGIONS)("goes through in %s, every answer as AWS gives it", (region) => {
    expect(runs.complaints[region]).toBe("");
  });

  it("makes just those of the product's calls that docs/fidelity.md says it makes", () => {
    const listed = [...callsIn(page)];
    const said = listed.filter(([, byCli]) => byCli).map(([call]) => call);
    const made = listed.filter(([call]) => runs.calls.has(call)).map(([call]) => call);
    expect(said.length).toBeGreaterThan(50);
    expect(said, "docs/fidelity.md is out of date: npm run fidelity").toEqual(made);
  });

  it("is a script that shellcheck and shfmt have nothing to say against", () => {
    const { stdout } = spawnSync("shellcheck", [GUIDE], { encoding: "utf8" });
    const formatted = spawnSync("shfmt", ["-i", "2", "-ci", "-d", GUIDE], { encoding: "utf8" });
    expect(stdout + formatted.stdout + formatted.stderr).toBe("");
  });
});
