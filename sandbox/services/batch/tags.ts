import type { Call } from "../../service.ts";
import { withoutTags } from "../key-value-tags.ts";
import { type BatchOperations, batchArn, batchState, checkTagKeys, clientException, jobsOf } from "./state.ts";

const LIMIT = 50;

interface Tagged {
  readonly arn: string;
  tags: Record<string, string>;
}

export const tagOperations = {
  TagResource(input, call) {
    checkTagKeys(input.tags);
    const tagged = byArn(call, input.resourceArn!);
    const tags = { ...tagged.tags, ...input.tags };
    if (Object.keys(tags).length > LIMIT) throw clientException(`A resource can have up to ${LIMIT} tags.`);
    tagged.tags = tags;
    return {};
  },

  UntagResource(input, call) {
    const tagged = byArn(call, input.resourceArn!);
    tagged.tags = withoutTags(tagged.tags, input.tagKeys);
    return {};
  },

  ListTagsForResource(input, call) {
    return { tags: { ...byArn(call, input.resourceArn!).tags } };
  },
} satisfies BatchOperations;

function byArn(call: Call, arn: string): Tagged {
  const { environments, queues, definitions } = batchState(call);
  const all: readonly (readonly Tagged[])[] = [environments, queues, definitions].map((kind) => Object.values(kind));
  const found =
    all.flat().find((each) => each.arn === arn) ?? jobsOf(call).get(arn.replace(batchArn(call, "job/"), ""));
  if (found === undefined) throw clientException(`The resource ${arn} does not exist.`);
  return found;
}
