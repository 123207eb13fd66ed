import { type Call, Refusal } from "../../service.ts";
import { type TagMap, tagTrouble, toTagMap, toTags } from "../key-value-tags.ts";
import { pageOf } from "../paging.ts";
import { associationsOf, tasksOf } from "./data-repositories.ts";
import { badRequest, type FsxOperations, fsxState } from "./state.ts";

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
    tagged.tags = Object.fromEntries(Object.entries(tagged.tags).filter(([key]) => !input.TagKeys!.includes(key)));
    return {};
  },

  ListTagsForResource(input, call) {
    const tags = toTags(byArn(call, input.ResourceARN!).tags);
    const badToken = () => badRequest("The NextToken value is not valid.");
    const { items, next } = pageOf(tags, ({ Key }) => Key, input.MaxResults ?? 100, input.NextToken, badToken);
    return { Tags: call.shuffled(items), ...(next !== undefined && { NextToken: next }) };
  },
} satisfies FsxOperations;

function byArn(call: Call, arn: string): { tags: TagMap } {
  const [, partition, service, region, account] = arn.split(":");
  if (partition !== call.partition || service !== "fsx" || region !== call.region || account !== call.account) {
    throw new Refusal("NotServiceResourceError", `The resource '${arn}' is not an Amazon FSx resource.`, 400, {
      ResourceARN: arn,
    });
  }
  const tagged = [fsxState(call).fileSystems, associationsOf(call), tasksOf(call)]
    .flatMap((kind): readonly { readonly arn: string; tags: TagMap }[] => Object.values(kind))
    .find((each) => each.arn === arn);
  if (tagged !== undefined) return tagged;
  throw new Refusal("ResourceNotFound", `The resource '${arn}' does not exist.`, 400, { ResourceARN: arn });
}
