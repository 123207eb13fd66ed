import { cruise, type ICruiseResult, type IForbiddenRuleType } from "dependency-cruiser";
import extractTSConfig from "dependency-cruiser/config-utl/extract-ts-config";
import { expect, it } from "vitest";

const SDK = "node_modules/@(aws-sdk|smithy)/";

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
    to: ["^src/ui/", "^src/engine/(step|errors|events|engine)\\.ts$", "^src/version\\.ts$", "node_modules/listr2/"],
  },
  { from: "^src/(cli|actions|facts)/", to: ["^src/", "^sandbox/start\\.ts$", "node_modules/commander/", SDK] },
  { from: "^src/(version|package)\\.ts$", to: ["^package\\.json$"] },
  { from: "^sandbox/", to: ["^sandbox/", SDK] },
];

/** Packages that one folder alone may know. */
const KEEPERS: readonly { readonly of: string; readonly only: string }[] = [
  { of: "node_modules/listr2/", only: "^src/ui/" },
  { of: "node_modules/commander/", only: "^src/cli/" },
  { of: "node_modules/handlebars/", only: "^src/render/templates\\.ts$" },
  { of: "^src/cli/", only: "^src/(cli|actions)/" },
  { of: "^src/actions/", only: "^src/(actions|cli|facts)/" },
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
  const circles: IForbiddenRuleType = {
    name: "no circles",
    severity: "error",
    from: {},
    to: { circular: true },
  };
  const { output } = await cruise(
    ["src", "sandbox"],
    {
      ruleSet: { forbidden: [...inWalls, ...kept, circles] },
      validate: true,
      doNotFollow: { path: "node_modules" },
      tsPreCompilationDeps: true,
    },
    { extensions: [".ts", ".js", ".json"] },
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
