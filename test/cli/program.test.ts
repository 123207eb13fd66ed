import { describe, expect, it } from "vitest";
import { COMMANDS, COMMON } from "../../src/cli/commands.ts";
import { program } from "../../src/cli/program.ts";

/** What is carried out of what is typed: the verb's name and its flags. */
async function typed(...argv: string[]): Promise<unknown> {
  const done: unknown[] = [];
  const commands = program({
    action: async ({ name }, flags) => void done.push([name, flags]),
    tool: async ({ name }, flags) => void done.push([name, flags]),
  });
  await commands.parseAsync(argv, { from: "user" });
  return done[0];
}

describe("a row of the table is a verb", () => {
  it.each(COMMANDS.map((row) => [row.name, row] as const))("%s, with every flag of it", async (name, row) => {
    const flags = [...("action" in row ? COMMON : []), ...(row.flags ?? [])];
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

  it("whose examples its own flags allow", async () => {
    for (const { name, examples } of COMMANDS) {
      expect(examples.length, name).toBeGreaterThan(0);
      for (const example of examples) {
        const words = example.split(" > ")[0]!.split(" ").filter(Boolean);
        expect(await typed(name, ...words)).toMatchObject([name, {}]);
      }
    }
  });
});
