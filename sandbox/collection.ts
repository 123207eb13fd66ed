import type { Call, Refusal } from "./service.ts";

/** A service's things of one kind. Writes see each at once; reads see it when it is visible. */
export interface Collection<T> {
  /** All of them, visible or not. */
  all(call: Call): T[];
  visible(call: Call): T[];
  find(call: Call, key: string | undefined): T | undefined;
  /** For writes; refuses what is not there. */
  get(call: Call, key: string | undefined): T;
  /** For reads; refuses what is not there or not visible. */
  read(call: Call, key: string | undefined): T;
  /** Those that are asked for by their keys, else all that are visible. */
  chosen(call: Call, keys: readonly string[] | undefined): T[];
  add(call: Call, key: string, thing: T): T;
  remove(call: Call, key: string): void;
}

/** Things that a slice keeps by id or name; `keyOf` makes one key of the names that name the same thing. */
export function collection<T extends object>(
  recordOf: (call: Call) => Record<string, T>,
  missing: (key: string, call: Call) => Refusal,
  keyOf: (name: string) => string = (name) => name,
): Collection<T> {
  const find = (call: Call, key = "") => {
    const record = recordOf(call);
    return Object.hasOwn(record, keyOf(key)) ? record[keyOf(key)] : undefined;
  };
  const known = (call: Call, key = "", thing: T | undefined) => {
    if (thing === undefined) throw missing(key, call);
    return thing;
  };
  const read = (call: Call, key: string | undefined) => {
    const thing = find(call, key);
    return known(call, key, thing && isVisible(call, thing) ? thing : undefined);
  };
  const visible = (call: Call) => Object.values(recordOf(call)).filter((thing) => isVisible(call, thing));
  return {
    all: (call) => Object.values(recordOf(call)),
    visible,
    find,
    get: (call, key) => known(call, key, find(call, key)),
    read,
    chosen: (call, keys) => (keys?.length ? keys.map((key) => read(call, key)) : visible(call)),
    add(call, key, thing) {
      recordOf(call)[keyOf(key)] = thing;
      return thing;
    },
    remove(call, key) {
      delete recordOf(call)[keyOf(key)];
    },
  };
}

/** Whether reads show it by now. */
export function isVisible({ now }: Call, thing: { readonly visibleFrom?: number | undefined } | object): boolean {
  return !("visibleFrom" in thing) || (thing.visibleFrom ?? now) <= now;
}

/** Names of the members in which a service pages its lists, and what it does about a token that it did not give. */
export interface Paging<Token extends string, Size extends string> {
  readonly token: Token;
  readonly size: Size;
  /** Items on a page, unless the request says. */
  readonly usual: number;
  /** In the order of their keys; without it in another order each time. */
  readonly sorted?: boolean;
  readonly badToken: () => Refusal;
}

type PageInput<Token extends string, Size extends string> = { readonly [Name in Token]?: string | undefined } & {
  readonly [Name in Size]?: number | undefined;
};

type KeyOf<T> = (item: T, index: number) => string;

/** The key of what has none: its place in the list. */
function place(_item: unknown, index: number): string {
  return String(index).padStart(9, "0");
}

/** One page of a list, and the member that leads to the next. What is removed between two pages takes nothing else with it. */
export function pages<Token extends string, Size extends string>(paging: Paging<Token, Size>) {
  const { token, size, usual, sorted = false, badToken } = paging;
  return <T>(call: Call, input: PageInput<Token, Size>, list: readonly T[], keyOf: KeyOf<T> = place) => {
    const after = keyIn(input[token], badToken);
    const rest = list
      .map((item, index) => ({ item, key: keyOf(item, index) }))
      .filter(({ key }) => after === undefined || key > after)
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    const page = rest.slice(0, input[size] ?? usual);
    const items = page.map(({ item }) => item);
    const next = page.length < rest.length ? { [token]: encoded(`after:${page.at(-1)?.key}`) } : {};
    return { items: sorted ? items : call.shuffled(items), next: next as { readonly [Name in Token]?: string } };
  };
}

function keyIn(token: string | undefined, badToken: () => Refusal): string | undefined {
  if (token === undefined) return undefined;
  const text = Buffer.from(token, "base64").toString();
  if (!text.startsWith("after:")) throw badToken();
  return text.slice("after:".length);
}

function encoded(text: string): string {
  return Buffer.from(text).toString("base64");
}
