import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { type BuildOptions, build } from "esbuild";
import { manPage } from "./scripts/man-page.ts";
import { notices } from "./scripts/notices.ts";

/**
 * The CLI and the sandbox are bundled apart, so that each carries of the SDK only what it uses; verbs are chunks of their
 * own, so that help and version load none of it.
 */
const common = {
  bundle: true,
  platform: "node",
  target: "node20.19",
  // ES modules can be shaken: of each client only the operations in use are kept.
  mainFields: ["module", "main"],
  format: "esm",
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "none",
  logLevel: "warning",
  metafile: true,
  // CommonJS packages inside the bundle ask for Node's own modules by require.
  banner: {
    js: 'import { createRequire as nodeRequire } from "node:module"; const require = nodeRequire(import.meta.url);',
  },
} as const satisfies BuildOptions;

const built = await Promise.all([
  build({
    ...common,
    entryPoints: { bootstrap: "src/cli/main.ts" },
    outdir: "dist",
    splitting: true,
    chunkNames: "chunk-[hash]",
    plugins: [
      {
        name: "sandbox-apart",
        setup(bundle) {
          bundle.onResolve({ filter: /\/sandbox\/start\.ts$/ }, () => ({ path: "./sandbox.js", external: true }));
        },
      },
      {
        // Commander starts verbs that are programs of their own, and there are none: help and version need not load Node's
        // module for processes, and the network's with it.
        name: "no-programs",
        setup(bundle) {
          bundle.onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
            /[\\/]commander[\\/]/.test(importer) ? { path: "none", namespace: "none" } : undefined,
          );
          bundle.onLoad({ filter: /./, namespace: "none" }, () => ({ contents: "" }));
        },
      },
    ],
  }),
  build({ ...common, entryPoints: { sandbox: "sandbox/start.ts" }, outdir: "dist" }),
]);

const bundles = built.map(({ metafile }) => metafile);
const beside = { "THIRD-PARTY-NOTICES.txt": notices(bundles), "bootstrap.1": manPage() };
for (const [file, text] of Object.entries(beside)) writeFileSync(`dist/${file}`, text);

// An earlier build's chunks have other names, and would be packed too.
const bundled = bundles.flatMap(({ outputs }) => Object.keys(outputs).map((path) => basename(path)));
const written = new Set([...Object.keys(beside), ...bundled]);
for (const file of readdirSync("dist")) if (!written.has(file)) rmSync(`dist/${file}`, { recursive: true });
