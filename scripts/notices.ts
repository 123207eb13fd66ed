import { readdirSync, readFileSync } from "node:fs";
import type { Metafile } from "esbuild";

interface Bundled {
  /** With its version. */
  readonly name: string;
  /** As its package.json says. */
  readonly license: string;
  readonly author: string;
  /** In its own words; undefined where the package carries no such file. */
  readonly text: string | undefined;
}

/** The licences of all packages of which the bundles hold code. Throws on one that names none. */
export function notices(bundles: readonly Metafile[]): string {
  const packages = [...foldersIn(bundles)].map(bundled).sort((a, b) => (a.name < b.name ? -1 : 1));
  const texts = new Map<string | undefined, Bundled[]>();
  for (const one of packages) texts.set(one.text, [...(texts.get(one.text) ?? []), one]);
  const head = "dist/ holds code of the packages named here, under the licence that follows their names.";
  const parts = [...texts].map(([text, of]) =>
    [
      ...of.map(({ name, license, author }) => `${name} (${license})${text === undefined ? `, by ${author}` : ""}`),
      "",
      text ??
        "These carry no text of their own: that of the Apache License 2.0 stands in LICENSE, MIT's with others here.",
    ].join("\n"),
  );
  return `${[head, ...parts].join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
}

const TEXTS_AT_HAND: ReadonlySet<string> = new Set(["Apache-2.0", "MIT"]);

function foldersIn(bundles: readonly Metafile[]): ReadonlySet<string> {
  const inputs = bundles.flatMap(({ outputs }) =>
    Object.values(outputs).flatMap(({ inputs }) => Object.entries(inputs)),
  );
  const kept = inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  return new Set(kept.flatMap(([path]) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path) ?? []));
}

function bundled(folder: string): Bundled {
  const { name, version, license, author } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice)/i.test(file));
  const text = files.map((file) => readFileSync(`${folder}/${file}`, "utf8").trim()).join("\n\n") || undefined;
  const by = typeof author === "string" ? author : author?.name;
  if (typeof license !== "string" || (text === undefined && (by === undefined || !TEXTS_AT_HAND.has(license))))
    throw new Error(`${name} ${version} says ${license}, and carries no licence`);
  return { name: `${name} ${version}`, license, author: by, text };
}
