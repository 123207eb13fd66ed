import type { Filter } from "@aws-sdk/client-ec2";
import { pages } from "../../collection.ts";
import { type Call, Refusal } from "../../service.ts";
import { ec2Slice } from "./slice.ts";

type FieldValue = string | number | boolean | undefined;
type Field<T> = (item: T) => FieldValue | readonly FieldValue[];
/** What each filter of a Describe operation looks at. `tag:KEY` and `tag-key` work for everything. */
export type Fields<T> = Readonly<Record<string, Field<T>>>;

interface Page<T> {
  readonly items: readonly T[];
  readonly nextToken: string | undefined;
}

interface ListInput {
  readonly Filters?: readonly Filter[] | undefined;
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

/** The items that pass every filter; a filter passes when any of its values does, `*` and `?` standing for anything. */
export function filtered<T extends { readonly id: string }>(
  call: Call,
  items: readonly T[],
  filters: readonly Filter[] | undefined,
  fields: Fields<T>,
): T[] {
  const { tags } = ec2Slice(call);
  const tests = (filters ?? []).map(({ Name: name = "null", Values: values = [] }) => {
    const field = fieldOf(name, fields, (id) => tags[id] ?? {});
    const patterns = values.map(wildcards);
    return (item: T) =>
      [field(item)].flat().some((value) => {
        const text = value === undefined ? undefined : String(value);
        return text !== undefined && patterns.some((pattern) => pattern.test(text));
      });
  });
  return items.filter((item) => tests.every((test) => test(item)));
}

function fieldOf<T extends { readonly id: string }>(
  name: string,
  fields: Fields<T>,
  tagsOf: (id: string) => Record<string, string>,
): Field<T> {
  if (name.startsWith("tag:")) return ({ id }) => tagsOf(id)[name.slice("tag:".length)];
  if (name === "tag-key") return ({ id }) => Object.keys(tagsOf(id));
  const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (field === undefined) throw new Refusal("InvalidParameterValue", `The filter '${name}' is invalid`);
  return field;
}

function wildcards(value: string): RegExp {
  const pattern = value
    .replace(/\\([*?\\])|[.+^${}()|[\]\\]/g, (match, escaped?: string) => `\\${escaped ?? match}`)
    .replace(/(?<!\\)\*/g, ".*")
    .replace(/(?<!\\)\?/g, ".");
  return new RegExp(`^${pattern}$`, "s");
}

/** One page, in an order that AWS does not promise; pages follow each other by id. */
function paged<T extends { readonly id: string }>(
  call: Call,
  items: readonly T[],
  { MaxResults, NextToken }: ListInput,
  [fewest, most]: readonly [number, number] = [5, 1000],
): Page<T> {
  if (MaxResults !== undefined && (MaxResults < fewest || MaxResults > most)) {
    const expecting = MaxResults < fewest ? `greater than ${fewest}` : `less than ${most}`;
    const words = `Value ( ${MaxResults} ) for parameter maxResults is invalid. Expecting a value ${expecting}.`;
    throw new Refusal("InvalidParameterValue", words);
  }
  const { items: page, next } = pageOf(call, { MaxResults, NextToken }, items, ({ id }) => id);
  return { items: page, nextToken: next.NextToken };
}

const pageOf = pages({
  ...{ token: "NextToken", size: "MaxResults", usual: 1000 },
  badToken: () => new Refusal("InvalidParameterValue", "Unable to parse pagination token"),
});

/** One page of what passes the request's filters. */
export function listed<T extends { readonly id: string }>(
  call: Call,
  input: ListInput,
  items: readonly T[],
  fields: Fields<T>,
  sizes?: readonly [number, number],
): Page<T> {
  return paged(call, filtered(call, items, input.Filters, fields), input, sizes);
}

/** Those with the given ids, or all when none are given; an id that is not there is refused. */
export function chosen<T extends { readonly id: string }>(
  items: readonly T[],
  ids: readonly string[] | undefined,
  missing: (ids: readonly string[]) => Refusal,
): T[] {
  if (!ids?.length) return [...items];
  const wanted = new Set(ids);
  const found = items.filter(({ id }) => wanted.has(id));
  const absent = [...wanted].filter((id) => !found.some((item) => item.id === id));
  if (absent.length > 0) throw missing(absent);
  return found;
}

/** When a thing made now will be seen by everyone. */
export function soon(call: Call, mostMs = 2_000): number {
  return call.now + call.unseenMs + call.between(0, mostMs);
}

export function notFound(code: string, what: string): (ids: readonly string[]) => Refusal {
  return (ids) =>
    ids.length === 1
      ? new Refusal(code, `The ${what} '${ids[0]}' does not exist`)
      : new Refusal(code, `The ${what}s '${ids.join(", ")}' do not exist`);
}

/** A whole second, as AWS gives most of its times. */
export function dateOf(ms: number): Date {
  return new Date(Math.floor(ms / 1000) * 1000);
}
