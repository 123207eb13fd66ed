import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { KINDS } from "../src/steps/index.ts";

const ROOT = new URL("../", import.meta.url);
const page = readFileSync(new URL("docs/ownership.md", ROOT), "utf8");

/** What leaves nothing behind that could be removed. */
const BESIDE = ["command", "container-image", "service-linked-role"];

const rows = page
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, kind = "", compared = ""]) => ({
    kind: /`([^`]+)`/.exec(kind)![1]!,
    fields: [...compared.matchAll(/`([^`]+)`/g)].map(([, field]) => field!),
  }));

it("has one row for each kind there is, and none for another", () => {
  const kinds = [...KINDS.map(({ kind }) => kind), ...BESIDE];
  expect(rows.map(({ kind }) => kind).sort()).toEqual(kinds.sort());
});

/** Words in the first column that are no fields. */
const OTHER_WORDS = new Set(["up --repair", "bootstrap"]);

it.each(rows.filter(({ kind }) => !BESIDE.includes(kind)))("says of $kind only fields that are compared", (row) => {
  const source = sourceOf(row.kind);
  const told = row.fields.filter((field) => !OTHER_WORDS.has(field));
  const unknown = told.filter((field) => !new RegExp(`\\b${field}\\b`).test(source));
  expect(unknown).toEqual([]);
});

/** Of a kind with a folder of its own, all of that. */
function sourceOf(kind: string): string {
  const steps = new URL("src/steps/", ROOT);
  const files = existsSync(new URL(`${kind}.ts`, steps))
    ? [`${kind}.ts`]
    : readdirSync(new URL(kind, steps)).map((file) => `${kind}/${file}`);
  return files.map((file) => readFileSync(new URL(file, steps), "utf8")).join("\n");
}
