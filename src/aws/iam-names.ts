import type { FindContext, Found } from "../engine/step.ts";
import type { Cloud } from "./clients.ts";
import { isDenied } from "./errors.ts";
import { iamName } from "./tags.ts";

/**
 * What IAM has under our names: of one node, or of the environment. Few may list those of the account, so the names that
 * `nodes` give are asked for whether or not the list may be read; and a list tells no tags, so each is asked for by itself.
 */
export async function findByIamName<I, O, Page>(
  context: FindContext<I, Cloud>,
  nodes: readonly string[],
  list: { readonly pages: AsyncIterable<Page>; names(page: Page): readonly (string | undefined)[] | undefined },
  ask: (context: FindContext<I, Cloud>, name: string) => Promise<Found<O> | undefined>,
): Promise<Found<O>[]> {
  const { node, unlisted, known = {} } = context;
  const own = iamName(context);
  if (node !== undefined) {
    const found = await ask(context, own);
    return found ? [found] : [];
  }
  const names = new Set(
    [...nodes, ...Object.values(known).map((one) => one.node)].map((one) => iamName({ ...context, node: one })),
  );
  try {
    for await (const page of list.pages) {
      for (const name of list.names(page) ?? []) if (name?.startsWith(own)) names.add(name);
    }
  } catch (error) {
    if (!unlisted || !isDenied(error)) throw error;
    unlisted(error);
  }
  const found = await Promise.all([...names].map((name) => ask(context, name)));
  return found.flatMap((one) => (one?.owned ? [one] : []));
}
