import type { Call } from "../../service.ts";
import { pageOf } from "../paging.ts";
import { clientException } from "./state.ts";

interface ListInput {
  readonly nextToken?: string | undefined;
  readonly maxResults?: number | undefined;
}

/** One page of a list in no particular order. */
export function listed<T>(
  call: Call,
  { nextToken, maxResults }: ListInput,
  list: readonly T[],
  keyOf: (item: T) => string,
): { readonly items: T[]; readonly paging: { readonly nextToken?: string } } {
  const { items, next } = pageOf(list, keyOf, Math.min(maxResults || 100, 100), nextToken, badToken);
  return { items: call.shuffled(items), paging: next === undefined ? {} : { nextToken: next } };
}

export function badToken() {
  return clientException("nextToken is not valid.");
}
