/**
 * Changes one thing at a time in the engine's loop, and tells what no test of the engine on a toy cloud misses: a condition
 * negated, a statement left out, `||` for `&&`, two awaited calls in the other order, a list that is not filtered. With
 * files or lines as arguments (`prune`, `prune:68`) only those. All are compiled in at once, and each test is run once
 * more for every change that it comes by and that no test has missed yet.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ts from "typescript";
import { startVitest } from "vitest/node";

const FILE = /\/src\/engine\/(reconcile|prune|plan|send|remove)\.ts$/;
const TESTS = ["prune", "remove", "plan", "reconcile", "engine"].map((name) => `test/engine/${name}.test.ts`);

const chosen = process.argv.slice(2);
const mutants: string[] = [];

/** The source with every change in it, each behind a switch. */
function instrumented(text: string, file: string): string {
  const source = ts.createSourceFile(`${file}.ts`, text, ts.ScriptTarget.Latest, true);

  /** Whether the change is on, as source; undefined where it was not asked for. */
  const turnedOn = (node: ts.Node, what: string): string | undefined => {
    const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
    if (chosen.length > 0 && !chosen.includes(file) && !chosen.includes(`${file}:${line}`)) return undefined;
    const words = node.getText(source).replace(/\s+/g, " ");
    const id = `${file}:${line} ${what} ${words.length > 100 ? `${words.slice(0, 100)} …` : words}`;
    const already = mutants.filter((other) => other.replace(/ #\d+$/, "") === id).length;
    const name = already === 0 ? id : `${id} #${already + 1}`;
    mutants.push(name);
    return `globalThis.isMutant(${JSON.stringify(name)})`;
  };

  const rendered = new Map<ts.Node, string>();
  const render = (node: ts.Node): string => {
    const text = rendered.get(node) ?? renderOnce(node);
    rendered.set(node, text);
    return text;
  };

  const renderOnce = (node: ts.Node): string => {
    const plain = withChildren(node);
    if (ts.isExpressionStatement(node)) {
      const on = turnedOn(node, "without");
      return on ? `if (!${on}) { ${plain} }` : plain;
    }
    if (isCondition(node)) {
      const on = turnedOn(node, "not");
      return on ? `(${on} !== Boolean(${plain}))` : plain;
    }
    return changedExpression(node, plain);
  };

  const changedExpression = (node: ts.Node, plain: string): string => {
    if (ts.isBinaryExpression(node) && LOGICAL.has(node.operatorToken.kind)) {
      const other = LOGICAL.get(node.operatorToken.kind)!;
      const on = turnedOn(node, `${other} in`);
      return on ? `(${on} ? (${render(node.left)}) ${other} (${render(node.right)}) : (${plain}))` : plain;
    }
    if (isFilter(node)) {
      const on = turnedOn(node, "unfiltered");
      return on ? `(${on} ? ${render(node.expression.expression)} : ${plain})` : plain;
    }
    return plain;
  };

  const withChildren = (node: ts.Node): string => {
    const parts: string[] = [];
    let at = node.getStart(source);
    const children: ts.Node[] = [];
    ts.forEachChild(node, (child) => void children.push(child));
    for (let nth = 0; nth < children.length; nth++) {
      const child = children[nth]!;
      parts.push(text.slice(at, child.getStart(source)));
      at = child.end;
      const next = children[nth + 1];
      const on = next && isAwaited(child) && isAwaited(next) ? turnedOn(child, "after what follows it:") : undefined;
      if (on === undefined) {
        parts.push(render(child));
        continue;
      }
      const [first, second] = [render(child), render(next!)];
      parts.push(`if (${on}) { ${second}\n${first} } else { ${first}\n${second} }`);
      at = next!.end;
      nth += 1;
    }
    return parts.join("") + text.slice(at, node.end);
  };
  return render(source);
}

const LOGICAL: ReadonlyMap<ts.SyntaxKind, string> = new Map([
  [ts.SyntaxKind.AmpersandAmpersandToken, "||"],
  [ts.SyntaxKind.BarBarToken, "&&"],
]);

function isCondition(node: ts.Node): boolean {
  const { parent } = node;
  if (parent === undefined) return false;
  return (
    (ts.isIfStatement(parent) && parent.expression === node) ||
    (ts.isConditionalExpression(parent) && parent.condition === node)
  );
}

function isFilter(node: ts.Node): node is ts.CallExpression & { readonly expression: ts.PropertyAccessExpression } {
  return (
    ts.isCallExpression(node) &&
    ts.isPropertyAccessExpression(node.expression) &&
    node.expression.name.text === "filter"
  );
}

function isAwaited(node: ts.Node): boolean {
  return ts.isExpressionStatement(node) && ts.isAwaitExpression(node.expression);
}

const folder = await mkdtemp(join(tmpdir(), "mutants-"));
process.env.MISSED = join(folder, "missed");
await writeFile(process.env.MISSED, "");
try {
  const vitest = await startVitest(
    "test",
    [],
    {
      ...{ config: false, watch: false, include: TESTS, runner: "./test/proof/mutant-runner.ts", reporters: [{}] },
      ...{ pool: "threads", isolate: false, fileParallelism: false, testTimeout: 20_000 },
    },
    {
      plugins: [
        {
          ...{ name: "mutants", enforce: "pre" },
          transform: (text, id) => {
            const [, file] = FILE.exec(id) ?? [];
            return file === undefined ? undefined : instrumented(text, file);
          },
        },
      ],
    },
  );
  await vitest.close();
  const missed = new Set((await readFile(process.env.MISSED, "utf8")).split("\n"));
  const survivors = mutants
    .filter((name) => !missed.has(name))
    .sort(new Intl.Collator("en", { numeric: true }).compare);
  console.log([`${mutants.length} changes, ${survivors.length} not missed`, ...survivors].join("\n"));
  if (survivors.length > 0 || mutants.length === 0) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
