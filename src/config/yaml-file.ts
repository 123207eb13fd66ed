import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
  visit,
} from "yaml";
import { ConfigError } from "../engine/errors.ts";
import { type Path, showPath } from "./problem.ts";

/** A YAML file's contents, and where in it they stand. */
export interface YamlFile {
  readonly label: string;
  readonly value: unknown;
  /** The line a key stands on, or of the section it is missing in; undefined for what is not in this file. */
  lineOf(path: Path): number | undefined;
}

const ONE_YAML = { schema: "core", resolveKnownTags: false } as const;
const MAX_CHARACTERS = 65_536;

/** Reads YAML; throws `ConfigError` with line and column for what is not. An empty file is an empty section. */
export function parseYaml(label: string, text: string): YamlFile {
  if (text.length > MAX_CHARACTERS) throw new ConfigError(`${label}: far too long for a config file`);
  const lines = new LineCounter();
  try {
    // One kind of YAML, whatever the file declares; a tag that is not of it is a warning, and refused like an error.
    const document = parseDocument(text, { ...ONE_YAML, lineCounter: lines, prettyErrors: false, logLevel: "error" });
    const errors = [...document.errors, ...document.warnings].map(({ pos, message }) => {
      const { line, col } = lines.linePos(pos[0]);
      return `${label}:${line}:${col}: ${message.split("\n")[0]}`;
    });
    if (document.errors.some(({ code }) => code === "MULTIPLE_DOCS")) {
      throw new ConfigError(`${label}: more than one document`, "keep one: everything before the second ---");
    }
    if (errors.length > 0)
      throw new ConfigError(errors.slice(0, 3).join("\n"), "mend the YAML; indentation is the usual suspect");
    const unfit = unfitIn(document).map(({ offset, path, text }) =>
      [`${label}:${lines.linePos(offset).line}`, ...(path.length > 0 ? [showPath(path)] : []), text].join(": "),
    );
    if (unfit.length > 0) throw new ConfigError(unfit.slice(0, 3).join("\n"));
    return {
      label,
      value: document.toJS() ?? {},
      lineOf(path) {
        let node: Node | null | undefined = document.contents;
        let offset = path.length === 0 ? node?.range?.[0] : undefined;
        for (const key of path) {
          if (isAlias(node)) node = node.resolve(document);
          const [here, below] = childOf(node, key);
          if (!here?.range) break;
          offset = here.range[0];
          node = below;
        }
        return offset === undefined ? undefined : lines.linePos(offset).line;
      },
    };
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    // Alias bombs and nesting without end are thrown by the parser, not listed among its errors.
    throw new ConfigError(
      `${label}: cannot be read as YAML: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** What YAML would hand on as something else than what was written. */
function unfitIn(document: Document) {
  const unfit: { readonly offset: number; readonly path: Path; readonly text: string }[] = [];
  visit(document, {
    Pair(_at, { key, value }, ancestors) {
      if (isScalar(key)) return;
      const offset = ((key ?? value) as Node | null)?.range?.[0] ?? 0;
      unfit.push({ offset, path: keysIn(ancestors), text: "a key must be one word" });
    },
    Scalar(key, scalar, ancestors) {
      const text = troubleWith(scalar, key === "key");
      if (text !== undefined) unfit.push({ offset: scalar.range?.[0] ?? 0, path: keysIn(ancestors), text });
    },
  });
  return unfit;
}

function troubleWith({ value, source }: Scalar, isKey: boolean): string | undefined {
  // An account's number would lose its zeros, and version 2.20 would become 2.2.
  if (typeof value === "number" && source !== undefined && String(value) !== source)
    return `${source} would be read as ${value}; if it is a text, put it into quotes`;
  if (typeof value === "string" && /[\0\p{Cs}]/u.test(value)) return "holds a NUL or half a character";
  return isKey && value === "__proto__" ? "no key can have this name" : undefined;
}

function keysIn(ancestors: readonly unknown[]): Path {
  return ancestors.flatMap((at) => (isPair(at) ? [wordOf(at.key)] : []));
}

/** A key, or a list's item, and what stands below it. */
function childOf(node: Node | null | undefined, key: PropertyKey): readonly (Node | null | undefined)[] {
  if (isSeq<Node>(node)) return [node.items[Number(key)], node.items[Number(key)]];
  const pair = isMap<Node, Node | null>(node) ? node.items.find((at) => wordOf(at.key) === String(key)) : undefined;
  return [pair?.key, pair?.value];
}

/** A key as it becomes a property's name. */
function wordOf(key: unknown): string {
  return isScalar(key) ? String(key.value ?? "") : "";
}
