import { expect } from "vitest";
import { bakeAmi } from "../../src/actions/bake-ami.ts";
import { teardown } from "../../src/actions/teardown.ts";
import { up } from "../../src/actions/up.ts";
import type { Asked, Ended } from "../environment/site.ts";
import { deskAt, type Moment } from "../proof/desk.ts";

let standing: Promise<Moment> | undefined;

/** The first `up` is done; brought up once, whoever asks. */
export function theFirstUp(): Promise<Moment> {
  standing ??= (async () => {
    const desk = deskAt(undefined, { direct: true });
    expect((await desk.site.up()).summary?.failures).toEqual([]);
    return desk.freeze();
  })();
  return standing;
}

export interface Typed extends Asked {
  /** Default: the first `up` is done. */
  readonly from?: Moment;
}

const ACTIONS = { up, "bake-ami": bakeAmi, teardown } as const;

/** Types a verb: what it asked of the person, what it changed, and how it ended. */
export async function type(
  verb: keyof typeof ACTIONS,
  { from, ...asked }: Typed,
): Promise<Ended & { readonly manifest: string | undefined }> {
  const desk = deskAt(from ?? (await theFirstUp()), { direct: true });
  const ended = await desk.site.run(ACTIONS[verb], asked);
  return { ...ended, manifest: desk.freeze().manifest };
}
