import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { ConfigError } from "../engine/errors.ts";

export type Path = readonly PropertyKey[];

/** A YAML file's contents, and where in it they stand. */
export interface YamlFile {
  readonly label: string;
  readonly value: unknown;
  /** The line a key stands on; undefined for what is not in this file. */
  lineOf(path: Path): number | undefined;
}

const MAX_CHARACTERS = 1_000_000;

/** Reads YAML; throws `ConfigError` with line and column for what is not. An empty file is an empty section. */
export function parseYaml(label: string, text: string): YamlFile {
  if (text.length > MAX_CHARACTERS) throw new ConfigError(`${label}: far too long for a config file`);
  const lines = new LineCounter();
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: "error" });
    const errors = document.errors.map(({ pos, message }) => {
      const { line, col } = lines.linePos(pos[0]);
      return `${label}:${line}:${col}: ${message.split("\n")[0]}`;
    });
    if (document.errors.some(({ code }) => code === "MULTIPLE_DOCS")) {
      throw new ConfigError(`${label}: more than one document`, "keep one: everything before the second ---");
    }
    if (errors.length > 0)
      throw new ConfigError(errors.slice(0, 3).join("\n"), "mend the YAML; indentation is the usual suspect");
    return {
      label,
      value: document.toJS() ?? {},
      lineOf(path) {
        let node: Node | null | undefined = document.contents;
        let offset: number | undefined;
        for (const key of path) {
          if (isAlias(node)) node = node.resolve(document);
          if (isMap(node)) {
            const pair = node.items.find(({ key: at }) => isScalar(at) && String(at.value) === String(key));
            offset = isScalar(pair?.key) ? pair.key.range?.[0] : undefined;
            node = pair?.value as Node | undefined;
          } else {
            node = isSeq(node) ? (node.items[Number(key)] as Node | undefined) : undefined;
            offset = node?.range?.[0];
          }
          if (offset === undefined) return undefined;
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
