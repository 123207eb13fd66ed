import { readFileSync, statSync } from "node:fs";

/** A file that someone may write at any time: read again whenever it changes; `absent` while there is none. */
export function watchedFile<T, A>(path: string, parse: (text: string, path: string) => T, absent: A): () => T | A {
  let stamp: number | undefined;
  let value: T | A = absent;
  return () => {
    const changed = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
    if (changed === undefined) value = absent;
    else if (changed !== stamp) value = parse(readFileSync(path, "utf8"), path);
    stamp = changed;
    return value;
  };
}
