import { expect, onTestFinished, vi } from "vitest";
import { bakeTargets, factsForBake } from "../../src/actions/bake-ami.ts";
import type { Session } from "../../src/actions/session.ts";
import { takeDown } from "../../src/actions/teardown.ts";
import { bringUp } from "../../src/actions/up.ts";
import type { Flags } from "../../src/cli/flags.ts";
import { readFacts } from "../../src/facts/read-facts.ts";
import { type Desk, deskAt, type Moment } from "../proof/desk.ts";

let standing: Promise<Moment> | undefined;

/** The first `up` is done; brought up once, whoever asks. */
export function theFirstUp(): Promise<Moment> {
  standing ??= (async () => {
    const desk = deskAt(undefined, { oversleep: 10 });
    expect((await desk.site.up()).summary?.failures).toEqual([]);
    return desk.freeze();
  })();
  return standing;
}

export interface Typed extends Flags {
  readonly yaml?: string;
  /** Default: the first `up` is done. */
  readonly from?: Moment;
  /** What is said to each question at a terminal; without it there is no terminal. */
  readonly answers?: readonly boolean[];
}

const VERBS = {
  up: async (session: Session) => bringUp(session, await readFacts(session), () => undefined),
  "bake-ami": async (session: Session) => bringUp(session, await factsForBake(session), bakeTargets),
  teardown: takeDown,
} as const;

/** Types a verb: what it asked of the person, what it changed, and how it ended. */
export async function type(verb: keyof typeof VERBS, { yaml, answers, from, ...flags }: Typed) {
  const desk = deskAt(from ?? (await theFirstUp()), { oversleep: 10 });
  const asked: string[] = [];
  const confirm = async (message: string) => {
    asked.push(message);
    return answers?.[asked.length - 1] ?? false;
  };
  const { session } = await desk.site.open(yaml, flags);
  const typed: Session = { ...session, confirm: answers && confirm };
  const stdout = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  onTestFinished(() => stdout.mockRestore());
  const error: unknown = await VERBS[verb](typed).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  const said = stdout.mock.calls.map(([text]) => String(text)).join("");
  stdout.mockRestore();
  return { asked, error, said, writes: writesAt(desk), journal: desk.freeze().manifest };
}

function writesAt({ site }: Desk): string[] {
  return site.lab.calls.filter(({ kind }) => kind === "write").map(({ operation }) => operation);
}
