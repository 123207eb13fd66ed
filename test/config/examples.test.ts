import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };

it.each(readdirSync("examples"))("%s names its schema by an address that does not depend on where it lies", (file) => {
  const [first] = readFileSync(`examples/${file}`, "utf8").split("\n");
  const [, name, version, path = ""] = /\$schema=https:\/\/unpkg\.com\/([^@]+)@([^/]+)\/(.+)$/.exec(first!) ?? [];
  expect([name, version]).toEqual([packageJson.name, packageJson.version]);
  expect(packageJson.files).toContain(path);
  expect(existsSync(path)).toBe(true);
});
