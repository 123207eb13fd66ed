/** One command of a line: its words after expansion, and where its output goes. */
export interface SimpleCommand {
  readonly words: readonly string[];
  /** Redirected away from the standard output, or into a pipe. */
  readonly silent: boolean;
  /** Runs only when the command before it failed. */
  readonly onFailure: boolean;
}

export type Expand = (source: string) => string;

interface Token {
  readonly text: string;
  readonly operator: boolean;
}

const OPERATORS = ["&&", "||", "&>", ">>", ">&", "<<<", ";", "|", ">", "<", "&"];

/** The commands of one line of shell, in order. Unknown syntax comes out as words that mean nothing. */
export function commandsIn(line: string, expand: Expand): readonly SimpleCommand[] {
  const commands: { words: string[]; silent: boolean; onFailure: boolean }[] = [];
  let current = { words: [] as string[], silent: false, onFailure: false };
  const tokens = tokensIn(line, expand);
  for (let at = 0; at < tokens.length; at++) {
    const { text, operator } = tokens[at]!;
    if (!operator) {
      current.words.push(text);
    } else if (text === ">" || text === ">>" || text === "&>" || text === ">&" || text === "<" || text === "<<<") {
      const descriptor = /^\d$/.test(current.words.at(-1) ?? "") && text !== "&>" ? current.words.pop() : undefined;
      if (text.startsWith(">") || text === "&>") current.silent ||= descriptor === undefined || descriptor === "1";
      at += 1;
    } else {
      if (text === "|") current.silent ||= tokens[at + 1]?.text !== "tee";
      commands.push(current);
      current = { words: [], silent: false, onFailure: text === "||" };
    }
  }
  commands.push(current);
  return commands.filter(({ words }) => words.length > 0);
}

function tokensIn(line: string, expand: Expand): Token[] {
  const tokens: Token[] = [];
  let text = "";
  let open = false;
  const close = () => {
    if (open) tokens.push({ text, operator: false });
    text = "";
    open = false;
  };
  for (let at = 0; at < line.length; ) {
    const char = line[at]!;
    if (char === "#" && !open) break;
    if (/\s/.test(char)) {
      close();
      at += 1;
      continue;
    }
    const operator = OPERATORS.find((each) => line.startsWith(each, at));
    if (operator !== undefined) {
      close();
      tokens.push({ text: operator, operator: true });
      at += operator.length;
      continue;
    }
    open = true;
    const [source, length] = piece(line, at);
    text += char === "'" ? source : expand(source);
    at += length;
  }
  close();
  return tokens;
}

/** A stretch that is expanded as one: a quoted string, a substitution, a character. */
function piece(line: string, at: number): readonly [source: string, length: number] {
  const char = line[at]!;
  if (char === "'" || char === '"') {
    const end = closing(line, at + 1, char);
    return [line.slice(at + 1, end), end + 1 - at];
  }
  if (char === "\\") return [line.slice(at + 1, at + 2), 2];
  if (char === "$" && (line[at + 1] === "(" || line[at + 1] === "{")) {
    const end = balanced(line, at + 1);
    return [line.slice(at, end), end - at];
  }
  const name = /^\$\w+/.exec(line.slice(at))?.[0];
  return name === undefined ? [char, 1] : [name, name.length];
}

function closing(line: string, from: number, quote: string): number {
  for (let at = from; at < line.length; at++) {
    if (quote === '"' && line[at] === "\\") at += 1;
    else if (quote === '"' && line[at] === "$" && line[at + 1] === "(") at = balanced(line, at + 1) - 1;
    else if (line[at] === quote) return at;
  }
  return line.length;
}

/** Just behind the bracket that closes the one at `from`. */
export function balanced(line: string, from: number): number {
  const opening = line[from]!;
  const ending = opening === "(" ? ")" : "}";
  let depth = 0;
  for (let at = from; at < line.length; at++) {
    if (line[at] === "'") at = closing(line, at + 1, "'");
    else if (line[at] === opening) depth += 1;
    else if (line[at] === ending && --depth === 0) return at + 1;
  }
  return line.length;
}
