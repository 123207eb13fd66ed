import type { InitializeMiddleware } from "@smithy/types";
import { classify } from "./errors.ts";

/** How AWS is asked for several of what a step asks for one by one. */
interface Plural {
  /** What a command that asks for one alone names; undefined of any other, which goes as it is. */
  one(input: Members): string | undefined;
  /** The same for several. */
  several(names: readonly string[]): Members;
  /** Of the answer: the list, what its items are called by, and where it says that there is more. */
  readonly list: string;
  readonly keys: readonly string[];
  readonly token: string;
  /** So few are asked for one by one; by default only a single one. */
  readonly least?: number;
}

type Members = Readonly<Record<string, unknown>>;

/** AWS's limits: 100 names in a list, 200 values in a filter of EC2's. */
const MOST = 100;

/** For so many names a page is read before each is asked for by itself. */
const NAMES_A_PAGE = 8;

/** By the command's name. */
const PLURALS: Readonly<Record<string, Plural>> = {
  DescribeComputeEnvironmentsCommand: byNames("computeEnvironments", [
    "computeEnvironmentName",
    "computeEnvironmentArn",
  ]),
  DescribeJobQueuesCommand: byNames("jobQueues", ["jobQueueName", "jobQueueArn"]),
  // Several names can only be asked for with a revision each, so that all of the account's are looked through.
  DescribeJobDefinitionsCommand: {
    one: ({ status, jobDefinitionName, ...rest }) =>
      status === "ACTIVE" && isBare(rest) ? (jobDefinitionName as string | undefined) : undefined,
    several: () => ({ status: "ACTIVE" }),
    ...{ list: "jobDefinitions", keys: ["jobDefinitionName"], token: "nextToken", least: 8 },
  },
  DescribeRepositoriesCommand: { ...byNames("repositories", ["repositoryName"]), ...inList("repositoryNames") },
  DescribeLaunchTemplatesCommand: {
    one({ Filters, ...rest }) {
      const [{ Name = "", Values = [] } = {}, ...others] = (Filters ?? []) as { Name?: string; Values?: string[] }[];
      const isOne = Name === TEMPLATE_NAME && others.length === 0 && Values.length === 1 && !/[*?]/.test(Values[0]!);
      return isOne && isBare(rest) ? Values[0] : undefined;
    },
    several: (names) => ({ Filters: [{ Name: TEMPLATE_NAME, Values: names }] }),
    ...{ list: "LaunchTemplates", keys: ["LaunchTemplateName"], token: "NextToken" },
  },
};

const TEMPLATE_NAME = "launch-template-name";

function byNames(list: string, keys: readonly string[]): Plural {
  return { ...inList(list), list, keys, token: "nextToken" };
}

function inList(member: string): Pick<Plural, "one" | "several"> {
  return {
    one({ [member]: names, ...rest }) {
      return Array.isArray(names) && names.length === 1 && isBare(rest) ? (names[0] as string) : undefined;
    },
    several: (names) => ({ [member]: names }),
  };
}

function isBare(rest: Members): boolean {
  return Object.values(rest).every((value) => value === undefined);
}

interface Args {
  readonly input: Members;
}

interface Answer {
  readonly output: Members;
}

/** One that waits for the others of its turn, with its own way to AWS. */
interface Asked {
  readonly name: string;
  readonly args: Args;
  next(args: Args): Promise<Answer>;
  resolve(answer: Promise<Answer>): void;
}

/**
 * A middleware for one client: what is asked for one by one in the same turn of the event loop is asked for in one call, and
 * each gets its own part of the answer. What is asked for alone, as in a wait, goes as it is.
 */
export function collecting<I extends object, O extends object>(): InitializeMiddleware<I, O> {
  const turns = new Map<Plural, Asked[]>();
  function inTurn(plural: Plural, asked: Asked): void {
    const others = turns.get(plural);
    if (others) return void others.push(asked);
    const all = [asked];
    turns.set(plural, all);
    setImmediate(() => {
      turns.delete(plural);
      for (let at = 0; at < all.length; at += MOST) answer(plural, all.slice(at, at + MOST));
    });
  }
  return (given, { commandName = "" }) => {
    const plural = PLURALS[commandName];
    if (!plural) return given;
    const next = given as unknown as Asked["next"];
    const collected = (args: Args): Promise<Answer> => {
      const name = plural.one(args.input);
      return name === undefined ? next(args) : new Promise((resolve) => inTurn(plural, { name, args, next, resolve }));
    };
    return collected as unknown as typeof given;
  };
}

function answer(plural: Plural, all: readonly Asked[]): void {
  const { least = 2, list, keys, token } = plural;
  const names = [...new Set(all.map(({ name }) => name))];
  const several = names.length < least ? Promise.resolve(undefined) : together(plural, names, all[0]!);
  for (const { name, args, next, resolve } of all) {
    const own = several.then((found) => {
      if (!found) return next(args);
      const items = found.items.filter((item) => keys.some((key) => item[key] === name));
      return { ...found.last, output: { ...found.last.output, [list]: items, [token]: undefined } };
    });
    resolve(own);
  }
}

/** Nothing where each is to be asked for by itself: a refusal does not say of which, and a list may be too long. */
async function together({ several, list, token }: Plural, names: readonly string[], { args, next }: Asked) {
  const items: Members[] = [];
  let from: unknown;
  try {
    for (let pages = Math.ceil(names.length / NAMES_A_PAGE); pages > 0; pages--) {
      const last = await next({ ...args, input: { ...several(names), [token]: from } });
      items.push(...((last.output[list] ?? []) as readonly Members[]));
      from = last.output[token];
      if (!from) return { last, items };
    }
  } catch (error) {
    if (classify(error) !== "refused") throw error;
  }
  return undefined;
}
