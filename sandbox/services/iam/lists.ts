import { type Call, Refusal } from "../../service.ts";
import { pageOf } from "../paging.ts";

interface ListInput {
  readonly Marker?: string | undefined;
  readonly MaxItems?: number | undefined;
}

/** One page of an IAM list, in no particular order, with IAM's own paging members. */
export function listed<T, O>(
  call: Call,
  { Marker, MaxItems }: ListInput,
  list: readonly T[],
  keyOf: (item: T) => string,
  show: (item: T) => O,
): { items: O[]; paging: { IsTruncated: boolean; Marker?: string } } {
  const badMarker = () => new Refusal("ValidationError", "Invalid value for Marker");
  const { items, next } = pageOf(list, keyOf, MaxItems ?? 100, Marker, badMarker);
  const paging = next === undefined ? { IsTruncated: false } : { IsTruncated: true, Marker: next };
  return { items: call.shuffled(items).map(show), paging };
}

/** As IAM sends documents: percent-encoded, as RFC 3986 says. */
export function encoded(document: string): string {
  return encodeURIComponent(document).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
