/**
 * Takes each row out of the policy, one at a time, in a copy of this checkout, and tells which tests fail without it: of
 * the row's own sentences, and of the engine on a toy cloud. A row that only its own sentence misses is named, and ends
 * this with 1.
 */
import { appendFile, cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { ROWS } from "../../src/engine/decide.ts";

const COPIED = ["docs", "src", "sandbox", "test", "package.json", "tsconfig.json", "vitest.config.ts"];
const DECIDE = "src/engine/decide.ts";
const SENTENCES = "test/engine/rows.test.ts";
const BEHAVIOUR = ["decide", "engine", "plan", "prune", "reconcile", "remove"].map(
  (name) => `test/engine/${name}.test.ts`,
);
const only = new Set(process.argv.slice(2));

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** The tests that fail in the copy. */
async function failing(root: string): Promise<readonly { readonly file: string; readonly test: string }[]> {
  const report = join(root, "report.json");
  await rm(report, { force: true });
  const of = ["run", "--project", "unit", "--reporter", "json", "--outputFile", report, "--testTimeout", "20000"];
  const command = ["node_modules/vitest/vitest.mjs", ...of, SENTENCES, ...BEHAVIOUR];
  const { timedOut } = await execa("node", command, {
    cwd: root,
    reject: false,
    timeout: 120_000,
    killSignal: "SIGKILL",
  });
  // A loop that no row ends any more.
  if (timedOut) return [{ file: BEHAVIOUR[0]!, test: "the engine comes to an end" }];
  const { testResults } = JSON.parse(await readFile(report, "utf8")) as Report;
  if (testResults.length !== 1 + BEHAVIOUR.length) throw new Error(`only ${testResults.length} test files ran`);
  return testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.filter(({ status }) => status === "failed").map((one) => ({ file: name, test: one.fullName })),
  );
}

const root = await mkdtemp(join(tmpdir(), "rows-"));
try {
  for (const name of COPIED) await cp(name, join(root, name), { recursive: true });
  await symlink(join(process.cwd(), "node_modules"), join(root, "node_modules"));
  const whole = await readFile(join(root, DECIDE), "utf8");
  const before = await failing(root);
  if (before.length > 0) throw new Error(`with every row, ${before[0]!.test} fails`);

  const unmissed: string[] = [];
  for (const [id, when] of ROWS) {
    if (only.size > 0 && !only.has(id)) continue;
    await writeFile(join(root, DECIDE), whole);
    const without = `for (const rows of [FIRST, BEGUN] as Row[][]) {
      const at = rows.findIndex(([id]) => id === ${JSON.stringify(id)});
      if (at >= 0) rows.splice(at, 1);
    }`;
    await appendFile(join(root, DECIDE), without);
    const failed = await failing(root);
    const isOfSentences = ({ file }: { readonly file: string }) => file.endsWith(SENTENCES);
    // That the list of rows is another one is no proof that the row is missed.
    const sentences = failed.filter((one) => isOfSentences(one) && /^row \d/.test(one.test));
    const behaviour = failed.filter((one) => !isOfSentences(one));
    if (behaviour.length === 0) unmissed.push(id);
    console.log(`${id.padEnd(4)} ${when}`);
    console.log(
      `     ${sentences.length} sentences, ${behaviour.length} tests of behaviour${behaviour[0] ? `: ${behaviour[0].test}` : ""}`,
    );
  }
  console.log(
    unmissed.length > 0 ? `missed by no test of behaviour: ${unmissed.join(", ")}` : "every row is missed by some test",
  );
  if (unmissed.length > 0) process.exitCode = 1;
} finally {
  await rm(root, { recursive: true, force: true });
}
