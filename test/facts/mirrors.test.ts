import { expect, it } from "vitest";
import { bakeAmi } from "../../src/actions/bake-ami.ts";
import { status } from "../../src/actions/status.ts";
import { act, up } from "../../src/actions/up.ts";
import { environment } from "../../src/environment/index.ts";
import { readFacts } from "../../src/facts/read-facts.ts";
import { Site } from "../environment/site.ts";

const NONE = "container: {}";

function writes({ lab }: Site): string[] {
  return lab.calls.filter(({ kind }) => kind === "write").map(({ operation }) => operation);
}

it("an image that an instance in China would build without mirrors is refused before anything is made, and says what to add", async () => {
  const china = new Site("cn-northwest-1");
  const both = {
    code: "config",
    message: expect.stringContaining("container.mirrors.baseImage and container.mirrors.conda: missing"),
  };
  expect((await china.run(up, { yaml: NONE })).error).toMatchObject(both);
  expect((await china.run(up, { yaml: NONE, dryRun: true })).error).toMatchObject(both);
  const one = await china.run(up, { yaml: "container: { mirrors: { conda: 'https://conda.example.com' } }" });
  expect(one.error).toMatchObject({ message: expect.stringMatching(/^container\.mirrors\.baseImage: missing/) });
  expect(writes(china)).toEqual([]);
  const yaml = "container: { image: 'registry.example.com/tools/bcl2fastq:2.20' }";
  expect((await china.run(up, { yaml, dryRun: true })).said).toContain("job-definition");
});

it("an image that stands in China needs no mirrors; another one does", async () => {
  const china = new Site("cn-northwest-1");
  await standWithoutMirrors(china);
  const made = writes(china).length;
  expect(await china.run(up, { yaml: NONE })).toMatchObject({ error: undefined, said: "nothing to do\n" });
  const yaml = "container: { args: { TOOL: '2' } }";
  expect((await china.run(up, { yaml })).error).toMatchObject({
    message: expect.stringMatching(/container\.mirrors\.baseImage and/),
  });
  expect(writes(china)).toHaveLength(made);

  expect((await china.run(bakeAmi, { yaml, force: true })).error).toBeUndefined();
  expect(writes(china).length).toBeGreaterThan(made);
});

/** As where a builder on the machine built it. */
async function standWithoutMirrors(site: Site): Promise<void> {
  const session = await site.open(NONE);
  const facts = await readFacts(session);
  const engine = session.engine(environment(session.config, facts));
  expect((await act(session, facts, engine, await engine.plan())).failures).toEqual([]);
}

it("a look needs no mirrors in China", async () => {
  const china = new Site("cn-northwest-1");
  await china.up("container: { image: 'registry.example.com/tools/bcl2fastq:2.20' }");
  expect((await china.run(status, { yaml: NONE })).said).toMatch(/container-image +follows/);
});
