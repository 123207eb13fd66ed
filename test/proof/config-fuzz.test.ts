import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ListCommandsCommand } from "@aws-sdk/client-ssm";
import { CommanderError } from "commander";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { parseDocument } from "yaml";
import { loadTarget } from "../../src/actions/session.ts";
import { reach } from "../../src/cli/connection.ts";
import type { Flags } from "../../src/cli/flags.ts";
import { program } from "../../src/cli/program.ts";
import type { Config } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import { WORKLOADS_FOLDER } from "../../src/config/workloads.ts";
import { ConfigError } from "../../src/engine/errors.ts";
import { bakeScript } from "../../src/render/bake-script.ts";
import { formatError } from "../../src/ui/error.ts";
import { Site } from "../environment/site.ts";
import { fitting, hostileText, hostileValue, KEYS, type Key, runs } from "./hostile-values.ts";

const REGION = "us-east-1";
const EXAMPLES = readdirSync("examples").map((name) => readFileSync(join("examples", name), "utf8"));

const folder = mkdtempSync(join(tmpdir(), "config-fuzz-"));
const file = join(folder, "lab.yaml");
afterAll(() => rmSync(folder, { recursive: true }));

/** The config, or the words of its refusal; whatever else is thrown fails the test. */
async function load(yaml: string | Buffer, overrides = {}): Promise<Config | string> {
  writeFileSync(file, yaml);
  try {
    const loaded = await loadConfig({
      file: "lab.yaml",
      workingFolder: folder,
      workloadsFolder: WORKLOADS_FOLDER,
      overrides,
    });
    return resolveConfig(loaded, loaded.values.region ?? REGION);
  } catch (error) {
    return refusal(error);
  }
}

function refusal(error: unknown): string {
  if (!(error instanceof ConfigError)) throw error;
  const said = formatError(error, { color: false, version: "", reportTo: "" });
  expect(said).not.toMatch(/^bug:|^ +at |(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/mu);
  return error.message;
}

/** An example with some keys set to other values. */
function edited(example: string, edits: readonly (readonly [Key, unknown])[]): string {
  const document = parseDocument(example);
  for (const [{ path }, value] of edits)
    document.setIn(path, document.createNode(value, { aliasDuplicateObjects: false }));
  return document.toString({ defaultStringType: "QUOTE_DOUBLE", lineWidth: 0 });
}

const TRICKS = [
  ...[
    "- a",
    "a",
    "name: lab\nname: lab",
    "job: { vcpus: 1, vcpus: 2 }",
    "\tname: lab",
    "job:\n\tvcpus: 1",
    "name: 'a",
    "{",
    "]",
    "*",
    "&",
  ],
  ...[
    "name: !!js/function lab",
    "name: !!merge lab",
    "name: !!binary bGFi",
    "job: !!set { vcpus }",
    "job: !!omap [vcpus: 1]",
    "name: !lab lab",
  ],
  ...[
    "%YAML 1.1\n---\njob: &a { <<: *a }",
    "%YAML 9.9\n---\nname: lab",
    "<<: { name: lab }",
    "job: &a { environment: *a }",
    "job: &a [*a]",
    "&a { job: *a }",
  ],
  ...[
    "__proto__: { name: lab }",
    "job: { environment: { __proto__: a } }",
    "constructor: 1",
    "job: { toString: 1 }",
    "? [a, b]\n: c",
    "? { a: b }\n: c",
  ],
  ...[
    "null: a",
    ": a",
    "1e400: a",
    "job: { vcpus: 1e400 }",
    "job: { vcpus: .nan }",
    "compute: { minVcpus: -0 }",
    'job: { environment: { A: "\\0" } }',
  ],
];

const BOMBS = {
  "aliases of aliases": [
    "a: &a [1,1,1,1,1,1,1,1]",
    ..."bcdefg".split("").map((name, at) => `${name}: &${name} [${`*${"abcdef"[at]},`.repeat(8)}]`),
  ].join("\n"),
  "lists in lists": `job: ${"[".repeat(15_000)}`,
  "closed lists in lists": `job: ${"[".repeat(3_000)}${"]".repeat(3_000)}`,
  "sections in sections": `job: ${"{a: ".repeat(700)}1${"}".repeat(700)}`,
  "items in items": "- ".repeat(9_000),
  "many unknown keys": Array.from({ length: 3_000 }, (_, at) => `k${at}: 1`).join("\n"),
  "many bad values": `job: { environment: { ${Array.from({ length: 3_000 }, (_, at) => `K${at}: [1]`).join(", ")} } }`,
  "many documents": "---\n".repeat(9_000),
  "a megabyte": `name: ${"x".repeat(1_000_000)}`,
};

const example = fc.constantFrom(...EXAMPLES);

describe("any config", () => {
  it.each(KEYS.map((key) => [key.path.join("."), key] as const))(
    "with anything for %s is accepted, or refused by the key's name and line",
    async (_name, key) => {
      const property = fc.asyncProperty(example, hostileValue, async (text, value) => {
        const yaml = edited(text, [[key, value]]);
        const outcome = await load(yaml);
        if (typeof outcome !== "string") return;
        for (const line of outcome.split("\n")) expectPlace(line, yaml);
        if (!outcome.includes("far too long")) expect(outcome).toContain(key.path[0]);
      });
      await fc.assert(property, runs(50));
    },
  );

  it("with many hostile keys at once", async () => {
    const anywhere = fc.array(fc.tuple(fc.constantFrom(...KEYS), hostileValue), { minLength: 2, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(example, anywhere, async (text, edits) => {
        await load(edited(text, edits));
      }),
      runs(300),
    );
  });

  it("that is any bytes, or an example with bytes put in, left out and doubled", async () => {
    const spliced = fc
      .tuple(
        example,
        fc.array(
          fc.tuple(
            fc.nat(),
            fc.nat(8),
            fc.oneof(
              hostileText,
              fc.constantFrom("\t", "\r\n", "- ", "&a ", "*a", "? ", ": ", "<<: ", "!!x ", "---\n", "%YAML 1.1\n---\n"),
            ),
          ),
        ),
      )
      .map(([text, cuts]) =>
        cuts.reduce(
          (left, [at, length, put]) => left.slice(0, at % left.length) + put + left.slice((at % left.length) + length),
          text,
        ),
      );
    const bytes = fc.uint8Array({ maxLength: 2_000 }).map((array) => Buffer.from(array));
    await fc.assert(
      fc.asyncProperty(fc.oneof({ weight: 4, arbitrary: spliced }, bytes), async (text) => {
        await load(text);
      }),
      runs(1_500),
    );
  });

  it.each(TRICKS)("that plays a trick is refused by its line: %j", async (yaml) => {
    const outcome = await load(yaml);
    expect(outcome).toEqual(expect.stringMatching(/^lab\.yaml:\d+:/));
  });

  it.each(Object.entries(BOMBS))("that is a bomb is refused: %s", async (_name, yaml) => {
    expect(await load(yaml)).toEqual(expect.stringMatching(/^lab\.yaml:/));
  });

  it("may be empty, begin with a byte order mark, and end its lines as Windows does", async () => {
    const plain = await load("name: lab\njob:\n  attempts: 3\n");
    expect(await load("\ufeffname: lab\r\njob:\r\n  attempts: 3\r\n")).toEqual(plain);
    expect(await load("")).toMatchObject({ name: "demux" });
  });
});

describe("any command line", () => {
  const verbs = ["up", "bake-ami", "teardown", "status", "sandbox"];
  const words = [
    "--name",
    "--region",
    "--speed",
    "--config",
    "--port",
    "--advance",
    "--endpoint-url",
    "--sandbox",
    "--yes",
    "--json",
  ];
  const line = fc.tuple(
    fc.constantFrom(...verbs),
    fc.array(fc.oneof(fc.constantFrom(...words), hostileText), { maxLength: 8 }),
  );

  it("is taken, or refused in words", async () => {
    await fc.assert(
      fc.asyncProperty(line, async ([verb, rest]) => {
        await typed([verb, ...rest]);
      }),
      runs(1_000),
    );
  });

  it.each(["--name", "--region", "--config", "--speed", "--endpoint-url"])("with anything for %s", async (flag) => {
    await fc.assert(
      fc.asyncProperty(hostileText, async (value) => {
        await typed(["up", `${flag}=${value}`]);
      }),
      runs(150),
    );
  });

  it.each(["", " ", "0x10", "1e3", "-0", "65536", "NaN", "１"])("takes no port that is %j", async (port) => {
    expect(await typed(["sandbox", `--port=${port}`])).toBe("refused");
  });

  /** What happens up to the first call to AWS. */
  async function typed(argv: readonly string[]): Promise<"refused" | "taken"> {
    const { signal } = new AbortController();
    const commands = program(
      {
        async action(_row, flags) {
          const loaded = await loadTarget(flags, folder);
          if (flags.sandbox && flags.endpointUrl === undefined) return;
          const world = await reach(flags, signal);
          world.connect(loaded.values.region ?? REGION).destroy();
        },
        tool: async () => {},
      },
      argv,
    );
    const quiet = { writeOut: () => {}, writeErr: () => {} };
    for (const command of [commands, ...commands.commands]) command.configureOutput(quiet);
    try {
      await commands.parseAsync(argv, { from: "user" });
      return "taken";
    } catch (error) {
      if (!(error instanceof CommanderError)) refusal(error);
      return "refused";
    }
  }
});

/** What must be there, or would be built for real. */
const REAL =
  /^(region|workload|iam\.permissionsBoundary|filesystem\.kmsKeyId|network\..*|container\.(context|builder)|compute\.(instanceTypes|subnetIds)|machineImage\.builderInstanceType)$/;

describe("an accepted config", () => {
  const free = KEYS.filter(({ path }) => !REAL.test(path.join(".")));
  const edit = fc.constantFrom(...free).chain((key) => fc.tuple(fc.constant(key), fitting(key.schema)));
  const accepted = fc
    .tuple(example, fc.array(edit, { minLength: 1, maxLength: 10 }))
    .map(([text, edits]) => edited(text, edits));

  it("can be planned", async () => {
    await fc.assert(
      fc.asyncProperty(accepted, async (yaml) => {
        await ranIn(new Site(REGION), yaml, { dryRun: true });
      }),
      runs(60),
    );
  });

  it("can be stood up, and sends AWS what it says", async () => {
    let stood = 0;
    await fc.assert(
      fc.asyncProperty(accepted, async (yaml) => {
        const site = new Site(REGION);
        const ran = await ranIn(site, yaml, {});
        if (ran === undefined) return;
        stood += 1;
        expect(ran.summary?.failures).toEqual([]);
        const config = (await load(yaml, { region: REGION })) as Config;
        const { Commands } = await site.lab.cloud.ssm.send(new ListCommandsCommand({}));
        const sent = Commands!.map(({ Parameters }) => Parameters!.commands!.join("\n"));
        expect(sent).toContain(bakeScript(config));
      }),
      { ...runs(12), endOnFailure: true },
    );
    expect(stood).toBeGreaterThan(0);
  });

  async function ranIn(site: Site, yaml: string, flags: Flags) {
    try {
      return await site.up(yaml, flags);
    } catch (error) {
      refusal(error);
      return undefined;
    }
  }
});

/** Each problem of a key says where it is: on a line that stands in its section. */
function expectPlace(line: string, yaml: string): void {
  if (/^workloads\/|^lab\.yaml: (?:and \d+ more|far too long .*)$/.test(line)) return;
  const [, number, path = ""] = /^lab\.yaml:(\d+)(?::\d+)?: (?:([\w.]+): )?/.exec(line) ?? [];
  expect(number, line).toBeDefined();
  const above = around(yaml.split("\n").slice(0, Number(number)));
  const [section = "", ...keys] = path.split(".");
  for (const word of [section, ...keys.slice(0, -1)]) expect(above, line).toContain(word);
}

/** The last line, and each one above it that it stands indented under. */
function around(lines: readonly string[]): string {
  let least = Infinity;
  const kept = lines.toReversed().filter((line) => {
    const indent = line.search(/[^ -]/);
    if (indent < 0 || indent >= least) return false;
    least = indent;
    return true;
  });
  return kept.join("\n");
}
