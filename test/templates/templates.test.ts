import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import Handlebars from "handlebars";
import { describe, expect, it, onTestFinished } from "vitest";
import { BootstrapError } from "../../src/engine/errors.ts";
import { contextFiles, render, shellQuote, templateText } from "../../src/render/templates.ts";

/** The words as a real shell reads them. */
function readBy(shell: string, words: string): readonly string[] {
  const { stdout, stderr } = spawnSync(shell, ["-c", `printf '%s\\0' ${words}`], { encoding: "utf8" });
  expect(stderr).toBe("");
  return stdout.split("\0").slice(0, -1);
}

function hostileWords(): readonly string[] {
  const alphabet = [
    ..."'\"\\$`!*?[]{}()<>|&;#~=%^ \t\n\r-aé中",
    "$(id)",
    "${HOME}",
    "'\\''",
    "\u{1F9EC}",
    "\x7f",
    "\x1b",
  ];
  let seed = 20_190_412;
  const next = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  return Array.from({ length: 400 }, () =>
    Array.from({ length: next(12) }, () => alphabet[next(alphabet.length)]).join(""),
  );
}

describe("shellQuote", () => {
  it.each(["sh", "bash"])("gives %s back exactly the words it was given", (shell) => {
    const words = ["", "-n", "'", "a b", "~", "!!", ...hostileWords()];
    expect(readBy(shell, shellQuote(words))).toEqual(words);
    for (const word of words.slice(0, 12)) expect(readBy(shell, shellQuote(word))).toEqual([word]);
  });

  it("takes numbers, and makes nothing of an empty list", () => {
    expect(shellQuote(48)).toBe("'48'");
    expect(shellQuote([])).toBe("");
  });

  it.each([
    ["a\0b", "NUL"],
    [undefined, "missing value"],
    [null, "null"],
    [true, "boolean"],
    [{ toString: () => "x" }, "object"],
    [Number.NaN, "NaN"],
    [[["nested"]], "object"],
  ])("refuses %j", (value, reason) => {
    expect(() => shellQuote(value)).toThrow(reason);
  });
});

describe("render", () => {
  it("names the template, the line and the value that is missing", () => {
    const failure = failureOf(() => render("bake/fuse.sh", {}));
    expect(failure).toBeInstanceOf(BootstrapError);
    expect(failure.message).toBe(
      "rendering bake/fuse.sh: line 5, {{sh hours}}: a missing value is no word for a shell",
    );
  });

  it("names a missing group of values, and a missing list", () => {
    expect(failureOf(() => render("userdata/10-node.sh", { environment: "e", image: "" })).message).toMatch(
      /^rendering userdata\/10-node\.sh: .*'source'/,
    );
    const values = { registry: "r", region: "r", repository: "r", image: "r", platform: "p", contextBase64: "" };
    expect(failureOf(() => render("bake/image.sh", values)).message).toContain(
      "{{#each buildArgs}}: a missing value is no list",
    );
  });

  it("does not reach into prototypes", () => {
    const inherited: object = Object.create({ hours: "1" });
    expect(() => render("bake/fuse.sh", inherited)).toThrow("a missing value");
  });

  it("leaves nothing of a value to the shell", () => {
    const rendered = render("bake/fuse.sh", { hours: "$(touch /tmp/pwned)'&<" });
    expect(rendered).toContain("hours='$(touch /tmp/pwned)'\\''&<'\n");
  });
});

describe("the shell templates", () => {
  const shellTemplates = contextFiles(".").filter(({ path }) => path.endsWith(".sh"));

  it("are found", () => {
    expect(shellTemplates.length).toBeGreaterThanOrEqual(5);
  });

  it.each(shellTemplates.map(({ path }) => path))("%s quotes every value, outside of any other quotes", (path) => {
    expect(unquotedValues(templateText(path))).toEqual([]);
  });

  it("would be caught without quoting", () => {
    expect(unquotedValues("a={{b}}")).toEqual(["line 1: {{b}}"]);
    expect(unquotedValues("a={{{b}}}")).toEqual(["line 1: {{b}}"]);
    expect(unquotedValues("{{#each c}} {{b}}{{/each}}")).toEqual(["line 1: {{b}}"]);
    expect(unquotedValues('a="{{sh b}}"')).toEqual(["line 1: inside quotes"]);
  });
});

describe("contextFiles", () => {
  it("lists a folder's files in order, with bytes and modes", () => {
    const files = contextFiles("docker/bcl2fastq");
    expect(files.map(({ path, mode }) => [path, mode])).toEqual([
      [".dockerignore", 0o644],
      ["Dockerfile", 0o644],
      ["aws.config", 0o644],
      ["demux/__init__.py", 0o644],
      ["demux/bucket.py", 0o644],
      ["demux/places.py", 0o644],
      ["demux/process.py", 0o644],
      ["demux/program.py", 0o644],
      ["demux/record.py", 0o644],
      ["demux/runfolder.py", 0o644],
      ["demux/words.py", 0o644],
      ["package/README.md", 0o644],
      ["split.py", 0o755],
    ]);
    expect(files[1]?.bytes.toString()).toBe(templateText("docker/bcl2fastq/Dockerfile"));
  });

  it("leaves out what .dockerignore names, as Docker understands it, and the manifests", () => {
    const folder = mkdtempSync(join(tmpdir(), "context-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const files = [
      ...[".env", ".env.local", "a.log", "src/a.log", "src/b.py", "secrets/key", "secrets/public/cert", "keep/x.tmp"],
      ...["Dockerfile", "A.LOG", ".bootstrap/demux.us-east-1.json", "src/.env"],
    ];
    for (const file of files) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), "");
    }
    const listed = (rules: string) => {
      writeFileSync(join(folder, ".dockerignore"), rules);
      return contextFiles(pathToFileURL(`${folder}/`)).map(({ path }) => path);
    };
    const always = [".dockerignore", "A.LOG", "Dockerfile"];
    expect(listed("# nothing\n\n")).toEqual(
      [...files.filter((file) => !file.startsWith(".boot")), ".dockerignore"].sort(),
    );
    expect(listed(".env*\n**/*.log\n/secrets/\n*/*.tmp\nDockerfile\n")).toEqual([...always, "src/.env", "src/b.py"]);
    expect(listed(".env*\r\nsecrets\r\n!secrets/public\r\nsrc\nkeep\n*.log")).toEqual([
      ...always,
      "secrets/public/cert",
    ]);
    expect(listed("*\n!src/b.py")).toEqual([".dockerignore", "Dockerfile", "src/b.py"]);
  });

  it("never looks at what is left out", () => {
    const folder = mkdtempSync(join(tmpdir(), "context-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, "Dockerfile"), "");
    symlinkSync("/nowhere", join(folder, "link"));
    expect(() => contextFiles(pathToFileURL(`${folder}/`))).toThrow(/link is neither a file nor a folder/);
    writeFileSync(join(folder, ".dockerignore"), "link");
    expect(contextFiles(pathToFileURL(`${folder}/`)).map(({ path }) => path)).toEqual([".dockerignore", "Dockerfile"]);
  });

  it("names files in folders with their path", () => {
    expect(contextFiles(".").map(({ path }) => path)).toContain("bake/provision.sh");
    expect(contextFiles(new URL("../../templates/bake/", import.meta.url))).toEqual(contextFiles("bake"));
  });
});

function failureOf(action: () => unknown): Error {
  try {
    action();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}

/** Places where a value could reach the shell as anything but quoted words. */
function unquotedValues(text: string): readonly string[] {
  const found: string[] = [];
  const lines = text.split("\n");
  const visitor = new (class extends Handlebars.Visitor {
    override MustacheStatement({ path, loc: { start } }: hbs.AST.MustacheStatement): void {
      const name = (path as hbs.AST.PathExpression).original;
      const before = (lines[start.line - 1] ?? "").slice(0, start.column);
      if (name !== "sh") found.push(`line ${start.line}: {{${name}}}`);
      else if (before.split('"').length % 2 === 0) found.push(`line ${start.line}: inside quotes`);
    }
  })();
  visitor.accept(Handlebars.parse(text));
  return found;
}
