import { type BuildOptions, build } from "esbuild";

/**
 * The CLI and the sandbox are bundled apart, so that each carries of the SDK only what it uses; verbs are chunks of their
 * own, so that help and version load none of it.
 */
const common: BuildOptions = {
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
  // CommonJS packages inside the bundle ask for Node's own modules by require.
  banner: {
    js: 'import { createRequire as nodeRequire } from "node:module"; const require = nodeRequire(import.meta.url);',
  },
};

await Promise.all([
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
    ],
  }),
  build({ ...common, entryPoints: { sandbox: "sandbox/start.ts" }, outdir: "dist" }),
]);
