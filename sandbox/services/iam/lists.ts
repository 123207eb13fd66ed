import { pages } from "../../collection.ts";
import { type Call, Refusal } from "../../service.ts";

const paged = pages({
  ...{ token: "Marker", size: "MaxItems", usual: 100 },
  badToken: () => new Refusal("ValidationError", "Invalid value for Marker"),
});

/** One page of an IAM list, in no particular order, with IAM's own paging members. */
export function listed<T>(
  call: Call,
  input: Parameters<typeof paged>[1],
  list: readonly T[],
  keyOf: (item: T) => string,
) {
  const { items, next } = paged(call, input, list, keyOf);
  return { items, next: { IsTruncated: next.Marker !== undefined, ...next } };
}

/** As IAM sends documents: percent-encoded, as RFC 3986 says. */
export function encoded(document: string): string {
  return encodeURIComponent(document).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
