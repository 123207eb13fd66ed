import { isSlow, printedBy, type Surroundings } from "./printed.ts";
import { balanced, commandsIn } from "./shell-words.ts";

export interface Reading {
  readonly stdout: readonly string[];
  readonly exitCode: number;
  readonly slow: boolean;
  /** How long it sleeps, all in all. */
  readonly sleepsMs: number;
}

/** The digest a script finds in the registry before it pushes; empty when there is none. */
export interface ScriptWorld extends Surroundings {
  readonly digestInRegistry: string;
  readonly digestPushed: string;
}

/**
 * Reads a shell script as far as its output can be told without running it: assignments, functions, `case` over what is
 * known, `if` taken as false unless a comparison can be decided. Loops are passed over.
 */
export function readScript(script: string, world: ScriptWorld): Reading {
  return new Reader(script, world).read();
}

class Exit {
  readonly code: number;

  constructor(code: number) {
    this.code = code;
  }
}

const RETURN = Symbol("return");
/** Asks the agent to reboot and to run the script again, which is then taken to be content. */
const REBOOT = 194;
const DEPTH_LIMIT = 20;
const LINES_LIMIT = 5_000;

class Reader {
  readonly #world: ScriptWorld;
  readonly #functions = new Map<string, readonly string[]>();
  readonly #top: readonly string[];
  readonly #variables = new Map<string, string>();
  readonly #stdout: string[] = [];
  #slow = false;
  #sleepsMs = 0;
  /** Of the last command, as far as it can be told. */
  #status = 0;
  #strict = false;
  #depth = 0;

  constructor(script: string, world: ScriptWorld) {
    this.#world = world;
    this.#top = this.#takeFunctions(linesIn(script));
  }

  read(): Reading {
    let exitCode: number;
    try {
      this.#run(this.#top);
      exitCode = this.#status;
    } catch (stop) {
      if (!(stop instanceof Exit) && stop !== RETURN) throw stop;
      exitCode = stop instanceof Exit && stop.code !== REBOOT ? stop.code : 0;
    }
    return { stdout: this.#stdout, exitCode, slow: this.#slow, sleepsMs: this.#sleepsMs };
  }

  #takeFunctions(lines: readonly string[]): string[] {
    const top: string[] = [];
    for (let at = 0; at < lines.length; at++) {
      const [, indent, name] = /^(\s*)(?:function\s+)?([\w-]+)\s*\(\)\s*\{\s*$/.exec(lines[at]!) ?? [];
      if (name === undefined) {
        top.push(lines[at]!);
        continue;
      }
      const end = lines.findIndex((line, index) => index > at && line.startsWith(`${indent}}`));
      if (end < 0) break;
      this.#functions.set(name, lines.slice(at + 1, end));
      at = end;
    }
    return top;
  }

  #run(lines: readonly string[]): void {
    for (let at = 0; at < lines.length; at++) {
      const line = lines[at]!.trim();
      if (/^if\b/.test(line)) at = this.#conditional(lines, at);
      else if (/^case\b.*\bin$/.test(line)) at = this.#choice(lines, at);
      else if (/^(for|while|until)\b/.test(line)) at = blockEnd(lines, at, /^(for|while|until)\b/, /(^|;\s*)done\b/);
      else if (/\|\|\s*\{$/.test(line)) {
        // What is done when a command fails.
        this.#simple(line.replace(/\|\|\s*\{$/, ""));
        at = blockEnd(lines, at, /\{$/, /^\}/);
      } else if (!/^[({})]/.test(line)) this.#simple(line);
    }
  }

  #conditional(lines: readonly string[], from: number): number {
    const end = blockEnd(lines, from, /^if\b/, /(^|;\s*)fi\b/);
    const line = lines[from]!.trim();
    const holds = this.#holds(/^if\s+(.*?);\s*then\b/.exec(line)?.[1] ?? line.slice(2));
    if (end === from) {
      const body = /;\s*then\s+(.*?);?\s*fi\b/.exec(line)?.[1];
      if (holds && body !== undefined) this.#simple(body);
      return end;
    }
    const inner = lines.slice(from + 1, end);
    const otherwise = topLevel(inner, /^else\b/);
    const next = topLevel(inner, /^elif\b/);
    const bodyEnd = [next, otherwise].filter((index) => index >= 0)[0] ?? inner.length;
    if (holds) this.#run(inner.slice(0, bodyEnd).filter((each) => each.trim() !== "then"));
    else if (otherwise >= 0) this.#run(inner.slice(otherwise + 1));
    return end;
  }

  /** Only comparisons of texts can be decided; everything else is taken as false. */
  #holds(condition: string): boolean {
    const [, left, operator, right] = /^\s*\[\[\s+(.+?)\s+(==|!=)\s+(.+?)\s+\]\]\s*$/.exec(condition) ?? [];
    if (left === undefined || right === undefined) return false;
    return fits(this.#expand(unquoted(left)), this.#expand(unquoted(right))) === (operator === "==");
  }

  #choice(lines: readonly string[], from: number): number {
    const end = blockEnd(lines, from, /^case\b/, /^esac\b/);
    const subject = this.#expand(unquoted(/^\s*case\s+(\S+)\s+in$/.exec(lines[from]!)?.[1] ?? ""));
    let taking = false;
    const taken: string[] = [];
    let depth = 0;
    for (const line of lines.slice(from + 1, end)) {
      const branch: RegExpExecArray | null = taking || depth > 0 ? null : /^\s*\(?([^()]+)\)\s*(.*)$/.exec(line);
      if (/^\s*case\b/.test(line)) depth += 1;
      if (/^\s*esac\b/.test(line)) depth -= 1;
      if (branch !== null && taken.length === 0) {
        const [, patterns = "", rest = ""]: readonly (string | undefined)[] = branch;
        taking = patterns.split("|").some((pattern) => fits(subject, unquoted(pattern.trim())));
        if (taking && rest !== "") taken.push(rest.replace(/;;\s*$/, ""));
      } else if (taking) {
        taken.push(line.replace(/;;\s*$/, ""));
      }
      if (depth === 0 && /;;\s*$/.test(line)) taking = false;
    }
    this.#run(taken);
    return end;
  }

  #simple(line: string): void {
    const [, array, members] = /^(?:local\s+)?(\w+)=\((.*)\)$/.exec(line) ?? [];
    if (array !== undefined) {
      const words = commandsIn(members ?? "", (source) => this.#expand(source)).flatMap((command) => command.words);
      this.#variables.set(array, words.join(" "));
      return;
    }
    const commands = commandsIn(line, (source) => this.#expand(source));
    let failed = false;
    for (const [index, { words, silent, onFailure }] of commands.entries()) {
      if (onFailure && !failed) continue;
      failed = words[0] === "false" && commands[index + 1]?.onFailure === true;
      if (!failed) this.#command(words, silent);
    }
  }

  #command(given: readonly string[], silent: boolean): void {
    const words = withoutWrappers(given);
    const [program = "", ...args] = words;
    const assignment = /^([A-Za-z_]\w*)\+?=(.*)$/s;
    if (/^(local|export|declare|readonly|typeset)$/.test(program) || assignment.test(program)) {
      for (const word of words) {
        const [, name, value] = assignment.exec(word) ?? [];
        if (name !== undefined) this.#variables.set(name, value ?? "");
      }
      return;
    }
    this.#slow ||= isSlow(words);
    const body = this.#functions.get(program);
    if (body !== undefined) {
      this.#callFunction(body, args, silent);
      return;
    }
    if (program === "exit") throw new Exit(Number(args[0] ?? this.#status) || 0);
    if (program === "return") throw RETURN;
    if (program === "set") this.#strict ||= /^-\w*e/.test(args[0] ?? "");
    this.#status = program === "false" ? 1 : 0;
    if (program === "false" && this.#strict) throw new Exit(1);
    if (program === "sleep") this.#sleepsMs += (Number.parseFloat(args[0] ?? "") || 0) * 1000;
    if (silent) return;
    if (program === "echo") this.#print(args.filter((arg) => !/^-[neE]+$/.test(arg)).join(" "));
    else if (program === "printf") this.#print(formatted(args));
    else for (const printed of printedBy(words, this.#world)) this.#print(printed);
  }

  #callFunction(body: readonly string[], args: readonly string[], silent: boolean): void {
    if (this.#depth >= DEPTH_LIMIT) return;
    const before = this.#stdout.length;
    const outer = new Map(this.#variables);
    args.forEach((arg, index) => {
      this.#variables.set(String(index + 1), arg);
    });
    for (const all of ["*", "@"]) this.#variables.set(all, args.join(" "));
    this.#depth += 1;
    try {
      this.#run(body);
    } catch (stop) {
      if (stop !== RETURN) throw stop;
    } finally {
      this.#depth -= 1;
      for (const name of ["1", "2", "3", "4", "*", "@"]) this.#variables.set(name, outer.get(name) ?? "");
    }
    if (silent) this.#stdout.splice(before);
  }

  #print(text: string): void {
    if (this.#stdout.length < LINES_LIMIT) this.#stdout.push(...text.split("\n"));
  }

  #expand(source: string): string {
    let text = "";
    for (let at = 0; at < source.length; ) {
      const rest = source.slice(at);
      if (rest.startsWith("$(") || rest.startsWith("${")) {
        const end = balanced(source, at + 1);
        const inner = source.slice(at + 2, end - 1);
        text += rest.startsWith("$(") ? this.#substituted(inner) : this.#parameter(inner);
        at = end;
        continue;
      }
      const name = /^\$(\w+|[*@])/.exec(rest);
      text += name ? (this.#variables.get(name[1]!) ?? "") : source[at];
      at += name?.[0].length ?? 1;
    }
    return text;
  }

  #parameter(inner: string): string {
    const [, name = "", operator = "", operand = ""] =
      /^(\w+)(?:\[[@*]\])?(?:(:?-|##|#|%%|%)(.*))?$/s.exec(inner) ?? [];
    const value = this.#variables.get(name) ?? "";
    if (operator === "") return value;
    if (operator.endsWith("-")) return value === "" ? this.#expand(operand) : value;
    const literal = operand.replaceAll("*", "");
    const at = operator === "##" || operator === "%" ? value.lastIndexOf(literal) : value.indexOf(literal);
    if (at < 0) return value;
    return operator.startsWith("#") ? value.slice(at + literal.length) : value.slice(0, at);
  }

  #substituted(command: string): string {
    const program = /^\s*([\w-]+)/.exec(command)?.[1] ?? "";
    const text = `${command}\n${(this.#functions.get(program) ?? []).join("\n")}`;
    if (text.includes("RepoDigests")) return this.#world.digestPushed;
    if (text.includes("imageDigest")) return this.#world.digestInRegistry;
    const [first = "", ...filters] = command.split(/\s\|\s/);
    return filters.reduce(filtered, this.#captured(first)).join("\n");
  }

  /** What a command prints, apart from what the script prints. */
  #captured(command: string): readonly string[] {
    const before = this.#stdout.length;
    if (this.#depth >= DEPTH_LIMIT) return [];
    this.#depth += 1;
    this.#simple(command);
    this.#depth -= 1;
    return this.#stdout.splice(before);
  }
}

/** The few filters that scripts pass versions and names through; others pass nothing on. */
function filtered(lines: readonly string[], filter: string): readonly string[] {
  const [, end, count] = /^\s*(head|tail)\s+-n\s*(\d+)/.exec(filter) ?? [];
  if (end !== undefined) return end === "head" ? lines.slice(0, Number(count)) : lines.slice(-Number(count));
  if (/^\s*sort\s+-V\b/.test(filter)) {
    return [...lines].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  }
  return [];
}

/** Lines with continuations joined and here-documents left out. */
function linesIn(script: string): string[] {
  const lines: string[] = [];
  let until: string | undefined;
  for (const line of script.replace(/\\\r?\n/g, " ").split(/\r?\n/)) {
    if (until !== undefined) {
      if (line.trim() === until) until = undefined;
      continue;
    }
    until = /<<-?\s*(['"]?)(\w+)\1/.exec(line)?.[2];
    // A pipeline goes on behind a bar or a list operator at the end of a line.
    const before = lines.at(-1);
    if (before !== undefined && /(\||&&)\s*$/.test(before)) lines[lines.length - 1] = `${before} ${line.trim()}`;
    else lines.push(line);
  }
  return lines;
}

function blockEnd(lines: readonly string[], from: number, opening: RegExp, ending: RegExp): number {
  let depth = 0;
  for (let at = from; at < lines.length; at++) {
    const line = lines[at]!.trim();
    if (opening.test(line)) depth += 1;
    if (ending.test(line) && --depth <= 0) return at;
  }
  return lines.length - 1;
}

function topLevel(lines: readonly string[], wanted: RegExp): number {
  let depth = 0;
  return lines.findIndex((raw) => {
    const line = raw.trim();
    if (/^if\b/.test(line)) depth += 1;
    if (/(^|;\s*)fi\b/.test(line)) depth -= 1;
    return depth === 0 && wanted.test(line);
  });
}

/** Programs that only run another one. */
function withoutWrappers(words: readonly string[]): readonly string[] {
  const [first = ""] = words;
  if (/^(sudo|thrice|time|nohup|exec|command|\{|\()$/.test(first)) return withoutWrappers(words.slice(1));
  return first === "timeout" ? withoutWrappers(words.slice(2)) : words;
}

function formatted([format = "", ...args]: readonly string[]): string {
  let next = 0;
  return format
    .replace(/%[sd]/g, () => args[next++] ?? "")
    .replaceAll("\\n", "\n")
    .replace(/\n$/, "");
}

function unquoted(text: string): string {
  return text.replace(/^(["'])(.*)\1$/, "$2");
}

function fits(value: string, pattern: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "s").test(value);
}
