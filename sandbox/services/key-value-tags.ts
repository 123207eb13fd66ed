/** A tag as most services spell it. */
export interface KeyValueTag {
  readonly Key?: string | undefined;
  readonly Value?: string | undefined;
}

export type TagMap = Record<string, string>;

export function toTagMap(tags: readonly KeyValueTag[] | undefined): TagMap {
  return Object.fromEntries((tags ?? []).map(({ Key, Value }) => [Key ?? "", Value ?? ""]));
}

export function withoutTags(map: Readonly<TagMap>, keys: readonly string[] | undefined): TagMap {
  return Object.fromEntries(Object.entries(map).filter(([key]) => !keys?.includes(key)));
}

export function toTags(map: Readonly<TagMap>): { Key: string; Value: string }[] {
  return Object.entries(map).map(([Key, Value]) => ({ Key, Value }));
}

/** What is wrong with tags that are to be added to those there are, in the words services share; else undefined. */
export function tagTrouble(there: Readonly<TagMap>, added: readonly KeyValueTag[]): string | undefined {
  const keys = added.map(({ Key }) => Key ?? "");
  const reserved = keys.find((key) => /^aws:/i.test(key));
  if (reserved !== undefined) return `aws: prefixed tag key names are not allowed for external use: ${reserved}`;
  if (new Set(keys).size < keys.length) return "Duplicate tag keys found. Please specify each tag key once.";
  if (new Set([...Object.keys(there), ...keys]).size > 50) return "The number of tags exceeds the limit of 50.";
  return undefined;
}
