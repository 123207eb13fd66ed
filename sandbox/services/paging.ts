import type { Refusal } from "../service.ts";

export interface Page<T> {
  readonly items: T[];
  readonly next: string | undefined;
}

/** A part of a list, in the order of its keys: what is removed between two pages takes nothing else with it. */
export function pageOf<T>(
  list: readonly T[],
  keyOf: (item: T) => string,
  limit: number,
  token: string | undefined,
  badToken: () => Refusal,
): Page<T> {
  const after = token === undefined ? undefined : keyIn(token, badToken);
  const ordered = list
    .map((item) => ({ item, key: keyOf(item) }))
    .filter(({ key }) => after === undefined || key > after)
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const items = ordered.slice(0, limit);
  const last = items.at(-1);
  return {
    items: items.map(({ item }) => item),
    next: ordered.length > limit && last ? Buffer.from(`after:${last.key}`).toString("base64") : undefined,
  };
}

function keyIn(token: string, badToken: () => Refusal): string {
  const text = Buffer.from(token, "base64").toString();
  if (!text.startsWith("after:")) throw badToken();
  return text.slice("after:".length);
}
