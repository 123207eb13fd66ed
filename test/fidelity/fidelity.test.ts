import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { callsIn, fidelityPage } from "../../scripts/fidelity/page.ts";
import { CALLS, TEMPLATES } from "../../scripts/fidelity/proofs.ts";
import { productCalls } from "./product-calls.ts";

const ROOT = new URL("../../", import.meta.url);
const page = readFileSync(new URL("docs/fidelity.md", ROOT), "utf8");

describe("docs/fidelity.md", () => {
  it("lists exactly the calls that the product makes, as npm run fidelity writes them", {
    timeout: 300_000,
  }, async () => {
    const product = await productCalls();
    const operations = new Set([...product.keys()].map((call) => call.split(":")[1]));
    expect([...operations].sort(), "the runs behind the page do not make every call that src/ can").toEqual(
      operationsInSource(),
    );
    const guide = new Set([...callsIn(page)].flatMap(([call, byCli]) => (byCli ? [call] : [])));
    const current = fidelityPage({ product, guide });
    expect(page, "docs/fidelity.md is out of date: npm run fidelity").toBe(current);
  });

  it("lists every template that is shipped, and no other", () => {
    const shipped = readdirSync(new URL("templates/", ROOT), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !/^\.|\.(md|pyc)$/.test(entry.name))
      .map((entry) => `${entry.parentPath}/${entry.name}`.replace(/^.*\/(?=templates\/)/, ""));
    expect(Object.keys(TEMPLATES).sort(), "say in scripts/fidelity/proofs.ts what it was checked against").toEqual(
      shipped.sort(),
    );
  });

  it("names for every proof a test that exists", () => {
    const proofs = [...Object.values(TEMPLATES).flat(), ...Object.values(CALLS)];
    expect(proofs.map(({ test }) => test).filter((test) => !existsSync(new URL(test, ROOT)))).toEqual([]);
  });
});

function operationsInSource(): string[] {
  const words = execFileSync(
    "grep",
    ["-rhoE", "--exclude-dir=cli", "\\b(new [A-Z]\\w+Command|paginate[A-Z]\\w+)\\(", "src"],
    {
      cwd: ROOT,
      encoding: "utf8",
    },
  );
  const operations = words
    .trim()
    .split("\n")
    .map((word) => word.replace(/^new |^paginate|Command\($|\($/g, ""));
  return [...new Set(operations)].sort();
}
