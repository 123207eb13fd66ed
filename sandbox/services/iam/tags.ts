import { Refusal } from "../../service.ts";
import { type KeyValueTag, type TagMap, toTagMap } from "../key-value-tags.ts";

/** The tags there are with those added, by IAM's rules: keys differ in more than case, at most 50. */
export function withTags(there: Readonly<TagMap>, added: readonly KeyValueTag[] | undefined): TagMap {
  const keys = (added ?? []).map(({ Key }) => (Key ?? "").toLowerCase());
  if (keys.some((key) => key.startsWith("aws:"))) {
    throw invalidInput("Tag keys starting with aws: are reserved for system use");
  }
  if (new Set(keys).size < keys.length) {
    throw invalidInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.");
  }
  const kept = Object.entries(there).filter(([key]) => !keys.includes(key.toLowerCase()));
  const all = { ...Object.fromEntries(kept), ...toTagMap(added) };
  if (Object.keys(all).length > 50) {
    throw new Refusal("LimitExceeded", "The number of tags has reached the maximum limit.", 409);
  }
  return all;
}

function invalidInput(message: string): Refusal {
  return new Refusal("InvalidInput", message);
}
