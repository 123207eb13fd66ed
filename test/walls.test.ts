import { readdirSync, readFileSync } from "node:fs";
import { cruise, type ICruiseResult, type IForbiddenRuleType } from "dependency-cruiser";
import extractTSConfig from "dependency-cruiser/config-utl/extract-ts-config";
import { expect, it } from "vitest";

const SDK = "node_modules/@(aws-sdk|smithy)/";

// dependency-cruiser reads TypeScript with what the package `typescript` exports, up to version 6; version 7, which
// `npm run check` is done by, is installed beside it as `typescript-7`.

/** Folders have walls: from here, nothing but that. Every path is a regular expression on the path in the checkout. */
const WALLS: readonly { readonly from: string; readonly to: readonly string[] }[] = [
  { from: "^src/engine/", to: ["^src/engine/"] },
  { from: "^src/aws/", to: ["^src/aws/", "^src/engine/(step|errors|hint)\\.ts$", "^src/(version|package)\\.ts$", SDK] },
  // A step knows its own files, and not its neighbours; the list of kinds knows them all.
  {
    from: "^src/steps/([^/]+?)(\\.ts|/)",
    to: ["^src/steps/$1(\\.ts$|/)", "^src/aws/", "^src/engine/(step|errors|hint)\\.ts$", "^src/render/", SDK],
  },
  { from: "^src/config/", to: ["^src/config/", "^src/engine/errors\\.ts$", "^src/package\\.ts$"] },
  {
    from: "^src/render/",
    to: [
      "^src/render/",
      "^src/config/config\\.ts$",
      "^src/aws/tags\\.ts$",
      "^src/engine/errors\\.ts$",
      "^src/package\\.ts$",
      "node_modules/handlebars/",
    ],
  },
  // The page knows steps, and what they are given; how they are carried out is not its business.
  {
    from: "^src/environment/",
    to: [
      "^src/environment/",
      "^src/(steps|render)/",
      "^src/config/config\\.ts$",
      "^src/aws/",
      "^src/engine/(graph|fingerprint)\\.ts$",
    ],
  },
  {
    from: "^src/ui/",
    to: [
      "^src/(ui|log)/",
      "^src/engine/(step|errors|events|engine)\\.ts$",
      "^src/version\\.ts$",
      "node_modules/listr2/",
    ],
  },
  { from: "^src/log/", to: ["^src/log/", "^src/engine/(events|errors|hint)\\.ts$"] },
  { from: "^src/(version|package)\\.ts$", to: ["^package\\.json$"] },
  {
    from: "^src/facts/",
    to: ["^src/facts/", "^src/(environment|steps|render|config|aws|engine)/", SDK],
  },
  // No process, no terminal: these are given.
  {
    from: "^src/actions/",
    to: ["^src/actions/", "^src/(facts|environment|steps|render|config|aws|engine|log)/", "^src/version\\.ts$", SDK],
  },
  {
    from: "^src/cli/",
    to: [
      "^src/(cli|actions|ui|config|aws|engine|log)/",
      "^src/version\\.ts$",
      "^sandbox/start\\.ts$",
      "node_modules/(commander|@inquirer|@bomb.sh)/",
    ],
  },
  { from: "^sandbox/", to: ["^sandbox/", SDK] },
];

/** Packages that one folder alone may know. */
const KEEPERS: readonly { readonly of: string; readonly only: string }[] = [
  { of: "node_modules/listr2/", only: "^src/ui/" },
  { of: "node_modules/commander/", only: "^src/cli/" },
  { of: "node_modules/handlebars/", only: "^src/render/templates\\.ts$" },
  { of: "node_modules/(@inquirer|@bomb\\.sh)/", only: "^src/cli/" },
  { of: "^src/cli/", only: "^src/cli/" },
  { of: "^src/actions/", only: "^src/(actions|cli)/" },
  { of: "^src/facts/", only: "^src/(facts|actions)/" },
  { of: "^sandbox/", only: "^(sandbox/|src/cli/(connection|sandbox)\\.ts$)" },
];

it("keeps the walls between folders, and has looked at all of them", { timeout: 60_000 }, async () => {
  const inWalls = WALLS.map(
    ({ from, to }): IForbiddenRuleType => ({
      name: `walls of ${from}`,
      severity: "error",
      from: { path: from, pathNot: "^src/steps/index\\.ts$" },
      to: {
        pathNot: [...to, "^node:", "^[a-z_]+$", "node_modules/(?!@aws-sdk|@smithy|listr2|commander|handlebars)"],
        dependencyTypesNot: ["core"],
      },
    }),
  );
  const kept = KEEPERS.map(
    ({ of, only }): IForbiddenRuleType => ({
      name: `${of} is for ${only}`,
      severity: "error",
      from: { pathNot: only },
      to: { path: of },
    }),
  );
  const typesAlone: IForbiddenRuleType = {
    name: "views know the engine by its types alone",
    severity: "error",
    from: { path: "^src/ui/" },
    to: { path: "^src/engine/", dependencyTypesNot: ["type-only"] },
  };
  const circles: IForbiddenRuleType = {
    name: "no circles",
    severity: "error",
    from: {},
    to: { circular: true },
  };
  const { output } = await cruise(
    ["src", "sandbox"],
    {
      ruleSet: { forbidden: [...inWalls, ...kept, typesAlone, circles] },
      validate: true,
      doNotFollow: { path: "node_modules" },
      tsPreCompilationDeps: true,
    },
    { extensions: [".ts", ".js", ".mjs", ".json"], exportsFields: ["exports"], conditionNames: ["node", "import"] },
    { tsConfig: extractTSConfig("tsconfig.json") },
  );
  const { summary, modules } = output as ICruiseResult;
  const seen = (path: string) => modules.filter(({ source }) => new RegExp(path).test(source)).length;
  const homeless = modules
    .map(({ source }) => source)
    .filter((source) => /^(src|sandbox)\//.test(source) && !WALLS.some(({ from }) => new RegExp(from).test(source)));

  expect(summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`)).toEqual([]);
  expect(homeless, "files in no row of the walls").toEqual([]);
  for (const { from } of WALLS) expect(seen(from), from).toBeGreaterThan(0);
  expect(seen("^src/")).toBeGreaterThan(50);
  expect(summary.totalDependenciesCruised).toBeGreaterThan(200);
});

it("knows no process and no terminal outside of the command line", () => {
  const files = ["actions", "facts", "engine", "environment", "config"].flatMap((folder) =>
    readdirSync(`src/${folder}`, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => `src/${folder}/${file}`),
  );
  expect(files.length).toBeGreaterThan(40);
  expect(
    files.filter((file) => /\bprocess\.|\bconsole\.|node:(process|tty|readline)"/.test(readFileSync(file, "utf8"))),
  ).toEqual([]);
});
