import { type Call, Refusal } from "../../service.ts";
import { type TagMap, tagTrouble, toTagMap, toTags, withoutTags } from "../key-value-tags.ts";
import { associations, tasks } from "./data-repositories.ts";
import { badRequest, type FsxOperations, fileSystems, paged } from "./state.ts";

export const tagOperations = {
  TagResource(input, call) {
    const tagged = byArn(call, input.ResourceARN!);
    const trouble = tagTrouble(tagged.tags, input.Tags!);
    if (trouble !== undefined) throw badRequest(trouble);
    tagged.tags = { ...tagged.tags, ...toTagMap(input.Tags) };
    return {};
  },

  UntagResource(input, call) {
    const tagged = byArn(call, input.ResourceARN!);
    tagged.tags = withoutTags(tagged.tags, input.TagKeys);
    return {};
  },

  ListTagsForResource(input, call) {
    const tags = toTags(byArn(call, input.ResourceARN!).tags);
    const { items, next } = paged(call, input, tags, ({ Key }) => Key);
    return { Tags: items, ...next };
  },
} satisfies FsxOperations;

function byArn(call: Call, arn: string): { tags: TagMap } {
  const [, partition, service, region, account] = arn.split(":");
  if (partition !== call.partition || service !== "fsx" || region !== call.region || account !== call.account) {
    throw new Refusal("NotServiceResourceError", `The resource '${arn}' is not an Amazon FSx resource.`, 400, {
      ResourceARN: arn,
    });
  }
  const all = [...fileSystems.all(call), ...associations.all(call), ...tasks.all(call)];
  const tagged = all.find((each) => each.arn === arn);
  if (tagged !== undefined) return tagged;
  throw new Refusal("ResourceNotFound", `The resource '${arn}' does not exist.`, 400, { ResourceARN: arn });
}
