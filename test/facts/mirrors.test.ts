import { beforeEach, expect, it, vi } from "vitest";
import { bakeTargets, factsForBake } from "../../src/actions/bake-ami.ts";
import { show } from "../../src/actions/status.ts";
import { bringUp } from "../../src/actions/up.ts";
import { readFacts } from "../../src/facts/read-facts.ts";
import { Site } from "../environment/site.ts";

const NONE = "container: {}";

let said: string;

beforeEach(() => {
  said = "";
  const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    said += String(text);
    return true;
  });
  return () => {
    write.mockRestore();
    process.exitCode = undefined;
  };
});

async function up(site: Site, yaml: string, flags = {}) {
  const { session } = await site.open(yaml, flags);
  return bringUp(session, await readFacts(session), () => undefined);
}

function writes({ lab }: Site): string[] {
  return lab.calls.filter(({ kind }) => kind === "write").map(({ operation }) => operation);
}

it("an image that an instance in China would build without mirrors is refused before anything is made, and says what to add", async () => {
  const china = new Site("cn-northwest-1");
  const both = {
    code: "config",
    message: expect.stringContaining("container.mirrors.baseImage and container.mirrors.conda: missing"),
  };
  await expect(up(china, NONE)).rejects.toMatchObject(both);
  await expect(up(china, NONE, { dryRun: true })).rejects.toMatchObject(both);
  await expect(up(china, "container: { mirrors: { conda: 'https://conda.example.com' } }")).rejects.toThrow(
    /^container\.mirrors\.baseImage: missing/,
  );
  expect(writes(china)).toEqual([]);
  await up(china, "container: { image: 'registry.example.com/tools/bcl2fastq:2.20' }", { dryRun: true });
  expect(said).toContain("job-definition");
});

it("an image that stands in China needs no mirrors; another one does", async () => {
  const china = new Site("cn-northwest-1");
  expect((await china.up(NONE)).summary?.failures).toEqual([]);
  const made = writes(china).length;
  await up(china, NONE);
  expect(said).toContain("nothing to do");
  await expect(up(china, "container: { args: { TOOL: '2' } }")).rejects.toThrow(/container\.mirrors\.baseImage and/);
  expect(writes(china)).toHaveLength(made);

  const { session } = await china.open("container: { args: { TOOL: '2' } }", { force: true });
  await bringUp(session, await factsForBake(session), bakeTargets);
  expect(writes(china).length).toBeGreaterThan(made);
});

it("a look needs no mirrors in China", async () => {
  const china = new Site("cn-northwest-1");
  await show((await china.open(NONE)).session);
  expect(said).toContain("container-image");
});
