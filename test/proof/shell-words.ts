import { execFileSync } from "node:child_process";

/** A script as a real parser sees it: no positions, and each word's literal pieces as the text they stand for. */
export function structureOf(script: string): unknown {
  try {
    const tree = execFileSync("shfmt", ["--to-json", "--language-dialect=bash"], { input: script, ...BUFFER });
    return bare(JSON.parse(tree), Buffer.from(script));
  } catch (cause) {
    const hint = Reflect.get(Object(cause), "code") === "ENOENT" ? "apt-get install shfmt" : script;
    throw new Error(`shfmt cannot parse it: ${hint}`, { cause });
  }
}

/** Every literal text of a structure, put through `change`. */
export function withTexts(structure: unknown, change: (text: string) => string): unknown {
  return JSON.parse(JSON.stringify(structure), (key, value: unknown) =>
    key === "text" ? change(value as string) : value,
  );
}

const BUFFER = { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 } as const;

function bare(node: unknown, source: Buffer): unknown {
  if (Array.isArray(node)) return joined(node.map((one) => bare(one, source)));
  if (typeof node !== "object" || node === null) return node;
  const { Type, Value, Dollar, Left, Right, ...rest } = node as Readonly<Record<string, unknown>>;
  // Quoted text is taken from the source, because shfmt 3.6 now and then gives '' some text from before.
  if (Type === "SglQuoted" && !Dollar && isPlace(Left) && isPlace(Right))
    return { text: source.toString("utf8", Left.Offset + 1, Right.Offset) };
  if (Type === "Lit") return { text: String(Value).replace(/\\(.)/gs, "$1") };
  const kept = Object.entries({ Type, Value, Dollar, Left, Right, ...rest }).filter(
    ([, value]) => value !== undefined && !isPlace(value),
  );
  return Object.fromEntries(kept.map(([key, value]) => [key, bare(value, source)]));
}

/** 'it'\''s' is one text, however it is put together. */
function joined(parts: readonly unknown[]): readonly unknown[] {
  return parts.reduce<unknown[]>((done, part) => {
    const before = done.at(-1);
    if (isText(before) && isText(part)) done[done.length - 1] = { text: before.text + part.text };
    else done.push(part);
    return done;
  }, []);
}

function isText(part: unknown): part is { readonly text: string } {
  return typeof part === "object" && part !== null && "text" in part;
}

function isPlace(value: unknown): value is { readonly Offset: number } {
  return typeof value === "object" && value !== null && "Offset" in value;
}
