import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import ignore from "@balena/dockerignore";
import Handlebars from "handlebars";
import { BootstrapError } from "../engine/errors.ts";
import { PACKAGE } from "../package.ts";

/** One file of a folder that is sent or hashed as a whole; `path` is relative, with forward slashes. */
export interface ContextFile {
  readonly path: string;
  readonly bytes: Buffer;
  /** 0o755 or 0o644: the executable bit is all that a checkout keeps. */
  readonly mode: number;
}

const root = new URL("templates/", PACKAGE);
/** Decisions belong to the scripts, so there is no `if` among the helpers. */
const ownHelpers: Record<string, boolean> = { sh: true, each: true };
/** The manifests change with each run. */
const leftOut: ReadonlySet<string> = new Set([".git", ".bootstrap", ".DS_Store", "__pycache__"]);

/** The template with the values filled in; a value that is missing, or unfit for a shell, is an error that names it. */
export function render(name: string, values: object): string {
  const text = templateText(name);
  try {
    return templating(text)(values, { allowProtoPropertiesByDefault: false, allowProtoMethodsByDefault: false });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BootstrapError("template", `rendering ${name}: ${reason}`, { cause });
  }
}

/** The file below templates/ as it stands. */
export function templateText(name: string): string {
  return readFileSync(new URL(name, root), "utf8");
}

/**
 * Every file in a folder, sorted by path, but for what its `.dockerignore` names; a folder's name is taken below
 * templates/, a URL (ending in a slash) as it is.
 */
export function contextFiles(folder: string | URL): readonly ContextFile[] {
  const top = typeof folder === "string" ? new URL(`./${folder}/`, root) : folder;
  const files = [...walk(top, "", ignoredIn(top))].sort((a, b) => (a.path < b.path ? -1 : 1));
  if (files.length === 0) throw new BootstrapError("template", `there are no files in ${top.pathname}`);
  return files;
}

interface Ignored {
  has(path: string): boolean;
  /** Below what is ignored nothing is wanted. */
  readonly whole: boolean;
}

/** As Docker understands https://docs.docker.com/build/concepts/context/#dockerignore-files; it takes these two all the same. */
function ignoredIn(top: URL): Ignored {
  const file = new URL(".dockerignore", top);
  const lines = existsSync(file) ? readFileSync(file, "utf8").split(/\r?\n/) : [];
  const rules = ignore({ ignorecase: false }).add(lines);
  return {
    has: (path) => path !== "Dockerfile" && path !== ".dockerignore" && rules.ignores(path),
    whole: !lines.some((line) => line.trimStart().startsWith("!")),
  };
}

function* walk(top: URL, below: string, ignored: Ignored): Generator<ContextFile> {
  const folder = new URL(below.split("/").map(encodeURIComponent).join("/"), top);
  for (const { name } of readdirSync(folder, { withFileTypes: true })) {
    if (leftOut.has(name)) continue;
    const path = below + name;
    const file = new URL(encodeURIComponent(name), folder);
    const isIgnored = ignored.has(path);
    if (isIgnored && ignored.whole) continue;
    const stats = lstatSync(file);
    if (stats.isDirectory()) yield* walk(top, `${path}/`, ignored);
    else if (isIgnored) continue;
    else if (stats.isFile()) yield { path, bytes: readFileSync(file), mode: stats.mode & 0o100 ? 0o755 : 0o644 };
    else throw new BootstrapError("template", `${file.pathname} is neither a file nor a folder`);
  }
}

/** One word for a POSIX shell that means exactly this value; an array gives one word for each element. */
export function shellQuote(value: unknown): string {
  if (Array.isArray(value)) return value.map(shellWord).join(" ");
  return shellWord(value);
}

function shellWord(value: unknown): string {
  if (typeof value === "number" && Number.isFinite(value)) return `'${value}'`;
  if (typeof value !== "string") throw new TypeError(`${describe(value)} is no word for a shell`);
  // The second half of the check is for what has no bytes: half of a surrogate pair.
  if (/[\0\p{Cs}]/u.test(value)) throw new TypeError("a word for a shell cannot hold a NUL or half a character");
  return `'${value.replaceAll("'", "'\\''")}'`;
}

function describe(value: unknown): string {
  if (value === undefined) return "a missing value";
  return value === null || typeof value === "number" ? String(value) : `a value of type ${typeof value}`;
}

function templating(text: string): Handlebars.TemplateDelegate {
  const source = text.split("\n");
  const handlebars = Handlebars.create();
  for (const helper of Object.keys(handlebars.helpers)) handlebars.unregisterHelper(helper);
  handlebars.registerHelper("sh", (...arguments_: unknown[]) => {
    const options = arguments_.pop() as Call;
    try {
      if (arguments_.length !== 1) throw new TypeError("sh takes one value");
      return shellQuote(arguments_[0]);
    } catch (cause) {
      throw new TypeError(`${place(source, options)}: ${(cause as Error).message}`);
    }
  });
  handlebars.registerHelper("each", (list: unknown, options: Call & { fn(item: unknown): string }) => {
    if (!Array.isArray(list)) throw new TypeError(`${place(source, options)}: ${describe(list)} is no list`);
    return list.map((item) => options.fn(item)).join("");
  });
  return handlebars.compile(text, { strict: true, noEscape: true, knownHelpersOnly: true, knownHelpers: ownHelpers });
}

/** What Handlebars hands a helper last; its types leave `loc` out. */
interface Call {
  readonly loc: { readonly start: { readonly line: number; readonly column: number } };
}

function place(source: readonly string[], { loc: { start } }: Call): string {
  const expression = source[start.line - 1]?.slice(start.column).match(/^\{\{.*?\}\}/)?.[0] ?? "";
  return `line ${start.line}, ${expression}`;
}
