import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { COMMANDS, COMMON } from "../../src/cli/commands.ts";
import { program } from "../../src/cli/program.ts";

let said = "";
beforeEach(() => {
  said = "";
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, "write").mockImplementation((more) => {
      said += String(more);
      return true;
    });
});
afterEach(() => vi.restoreAllMocks());

/** What is carried out of what is typed: the verb's name and its flags. */
async function typed(...argv: string[]): Promise<unknown> {
  const done: unknown[] = [];
  const commands = program(
    {
      action: async ({ name }, flags) => void done.push([name, flags]),
      tool: async ({ name }, flags) => void done.push([name, flags]),
    },
    argv,
  );
  await commands.parseAsync(argv, { from: "user" });
  return done[0];
}

const told = COMMANDS.filter(({ hidden }) => !hidden).map((row) => [row.name, row] as const);

describe("a row of the table is a verb", () => {
  it.each(told)("%s, with every flag of it", async (name, row) => {
    const flags = [...("action" in row ? Object.values(COMMON).flat() : []), ...(row.flags ?? [])];
    const words = flags.flatMap(([flag, , value]) => {
      const [long, place] = flag.split(" ");
      return place ? [long!, value ? "7" : "x"] : [long!];
    });
    const argument = row.argument && (row.argument.choices?.[0] ?? "7");
    const [verb, given] = (await typed(name, ...(argument ? [argument] : []), ...words)) as [string, object];
    expect(verb).toBe(name);
    expect(Object.keys(given).filter((key) => key !== row.argument?.key)).toHaveLength(flags.length);
    expect(Reflect.get(given, row.argument?.key ?? "")).toBe(argument);
  });

  it.each(told)("%s, with three examples that its own flags allow", async (name, { examples }) => {
    expect(examples).toHaveLength(3);
    for (const [words] of examples) {
      const typedWords = words.split(" > ")[0]!.split(" ").filter(Boolean);
      expect(await typed(name, ...typedWords)).toMatchObject([name, {}]);
    }
  });

  it.each(told)("%s, whose help ends with its examples and exit codes", async (name, { examples, exitCodes }) => {
    await expect(typed(name, "--help")).rejects.toMatchObject({ exitCode: 0 });
    const [flags = "", afterFlags = ""] = said.split("\nExamples:\n");
    const [shown = "", codes = ""] = afterFlags.split("\nExit codes:\n");
    expect(flags).toContain(`Usage: bootstrap ${name} `);
    expect(shown.trim().split("\n")).toHaveLength(examples.length);
    expect(codes.trim().split("\n")).toHaveLength(Object.keys(exitCodes).length);
    expect(codes).toMatch(/^ {2}0 {2,}\w/);
    for (const line of [...shown.split("\n"), ...codes.split("\n")]) expect(line.length).toBeLessThanOrEqual(120);
  });
});

describe("help", () => {
  it("tells a verb's own flags first, and the common ones under headings", async () => {
    await expect(typed("help", "up")).rejects.toMatchObject({ exitCode: 0 });
    const headings = [...said.matchAll(/^(\w.*:)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual(["Options:", ...Object.keys(COMMON), "Examples:", "Exit codes:"]);
    expect(said.indexOf("--dry-run")).toBeLessThan(said.indexOf("--config"));
  });

  it("tells the verbs under headings, and no hidden one", async () => {
    await expect(typed("help")).rejects.toMatchObject({ exitCode: 0 });
    expect(said).toMatch(/For an environment:\n {2}up .*[\s\S]*For this machine:\n {2}sandbox /);
    expect(said).not.toMatch(/^ {2}(complete|plan|destroy) /m);
  });
});

describe("another tool's word for a verb", () => {
  it.each([
    [["plan"], "bootstrap up --dry-run"],
    [["apply"], "bootstrap up"],
    [["destroy"], "bootstrap teardown"],
    [["delete"], "bootstrap teardown"],
    [["rm"], "bootstrap teardown"],
    [["bake"], "bootstrap bake-ami"],
    [["ls"], "bootstrap status"],
    [
      ["plan", "--region", "eu-central-1", "--config", "my lab.yaml"],
      "bootstrap up --dry-run --region eu-central-1 --config 'my lab.yaml'",
    ],
    [["destroy", "--help"], "bootstrap teardown --help"],
  ])("%s is answered with the command to type", async ([word = "", ...words], command) => {
    await expect(typed(word, ...words)).rejects.toMatchObject({ exitCode: 1 });
    expect(said).toBe(`error: there is no command '${word}'\nhint: ${command}\n`);
  });

  it("is answered when help is asked for it", async () => {
    await expect(typed("help", "plan")).rejects.toMatchObject({ exitCode: 0 });
    expect(said).toBe("error: there is no command 'plan'\nhint: bootstrap up --dry-run\n");
  });

  it("is no verb's name, and one verb's alone; what it stands for can be typed", async () => {
    const all = COMMANDS.flatMap(({ name, synonyms = {} }) => Object.entries(synonyms).map((each) => [name, ...each]));
    expect(all.length).toBeGreaterThan(20);
    const words = [...all.map(([, word]) => word), ...COMMANDS.map(({ name }) => name)];
    expect(new Set(words).size).toBe(words.length);
    for (const [name = "", , flags = ""] of all)
      expect(await typed(name, ...flags.split(" ").filter(Boolean))).toMatchObject([name, {}]);
  });

  it("that nobody uses is an error with what there is", async () => {
    await expect(typed("statsu")).rejects.toMatchObject({ code: "commander.unknownCommand" });
    expect(said).toContain("(Did you mean status?)");
    expect(said).toContain("Run 'bootstrap help' for commands");
  });
});
