const known = new Map<string, RegExp>();

/** Whether a text fits a pattern in which `*` stands for anything and `?` for one character. */
export function matches(pattern: string, text: string): boolean {
  let regex = known.get(pattern);
  if (regex === undefined) {
    const source = pattern
      .replace(/[.+^${}()|[\]\\]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("?", ".");
    regex = new RegExp(`^${source}$`, "s");
    known.set(pattern, regex);
  }
  return regex.test(text);
}
