/** A command of our own, to be typed next. Which environment is meant is added by whoever prints it. */
export type Command = readonly [verb: string, ...flags: string[]];

/** What to do about an error: words, or words with commands among them. */
export type Hint = string | HintWithCommands;

/** Made by `hint`. */
export class HintWithCommands {
  readonly parts: readonly (string | Command)[];

  constructor(parts: readonly (string | Command)[]) {
    this.parts = parts;
  }

  text(typed: (command: Command) => string): string {
    return this.parts.map((part) => (typeof part === "string" ? part : typed(part))).join("");
  }

  /** A hint inside a hint is the same words and commands. */
  static within(part: Hint | Command): readonly (string | Command)[] {
    return part instanceof HintWithCommands ? part.parts : [part];
  }

  toJSON(): string {
    return hintText(this);
  }
}

/** ``hint`look first, then run ${["teardown", "--discard-data"]}` ``: what is filled in is a command, or words. */
export function hint(words: TemplateStringsArray, ...filled: readonly (Hint | Command)[]): Hint {
  const parts = words.flatMap((text, at) => {
    const part = filled[at];
    return [...(text === "" ? [] : [text]), ...(part === undefined ? [] : HintWithCommands.within(part))];
  });
  return new HintWithCommands(parts);
}

/** The whole of a hint, its commands as they would be typed without flags that name an environment, unless told otherwise. */
export function hintText(hint: Hint, typed = (command: Command) => ["bootstrap", ...command].join(" ")): string {
  return typeof hint === "string" ? hint : hint.text(typed);
}

export function commandsIn(hint: Hint): readonly Command[] {
  return typeof hint === "string" ? [] : hint.parts.filter((part) => typeof part !== "string");
}
