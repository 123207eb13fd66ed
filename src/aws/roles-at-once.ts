import { GetAccountAuthorizationDetailsCommand, type IAMClient, type RoleDetail } from "@aws-sdk/client-iam";
import type { InitializeMiddleware } from "@smithy/types";

interface Input {
  readonly RoleName?: string;
  readonly PolicyName?: string;
}

/** What IAM says of every role of the account, by name. */
type Details = ReadonlyMap<string, RoleDetail>;

/** What a command that reads of one role is answered out of that; undefined where IAM has to be asked by itself. */
const READS: Readonly<Record<string, (details: Details, input: Input) => object | undefined>> = {
  GetRoleCommand: (details, input) => {
    const Role = roleIn(details, input);
    return Role && { Role };
  },
  GetRolePolicyCommand: (details, input) => {
    const own = roleIn(details, input)?.RolePolicyList?.find(({ PolicyName }) => PolicyName === input.PolicyName);
    return own && { ...input, PolicyDocument: own.PolicyDocument };
  },
  ListAttachedRolePoliciesCommand: (details, input) => {
    const role = roleIn(details, input);
    return role && { AttachedPolicies: role.AttachedManagedPolicies ?? [], IsTruncated: false };
  },
  ListRolePoliciesCommand: (details, input) => {
    const role = roleIn(details, input);
    return role && { PolicyNames: (role.RolePolicyList ?? []).map(({ PolicyName }) => PolicyName), IsTruncated: false };
  },
};

function roleIn(details: Details, { RoleName = "" }: Input): RoleDetail | undefined {
  return details.get(RoleName);
}

/** So many different roles are worth reading all of the account's. */
export const LEAST = 8;

/** An account has at most 5,000 roles, mostly some hundred; of more than this, each is asked for by itself. */
const MOST_PAGES = 2;

/** Somebody may have thought over a question meanwhile, or changed a role. */
const FRESH_MS = 10_000;

interface Args {
  readonly input: Input;
}

interface Answer {
  readonly output: object;
}

interface Asked {
  /** Command and input: what is asked for a second time is to be looked at anew. */
  readonly key: string;
  readonly role: string;
  /** By itself. */
  ask(): Promise<Answer>;
  outOf(details: Details): object | undefined;
  resolve(answer: Promise<Answer>): void;
}

/**
 * A middleware for one IAM client: where many roles are read in the same turn of the event loop, all of the account's are
 * read at once, by whoever may. What that says of a role is told once, and nothing of it after a change of ours, or when
 * it is ten seconds old.
 */
export function readingRolesAtOnce<I extends object, O extends object>(client: IAMClient): InitializeMiddleware<I, O> {
  let known: Promise<Details | undefined> | undefined;
  let readAt = 0;
  let canAll = true;
  const told = new Set<string>();
  let turn: Asked[] = [];

  function forget(): void {
    known = undefined;
    told.clear();
  }

  async function readAll(): Promise<Details | undefined> {
    readAt = performance.now();
    const details = await detailsOf(client);
    canAll = details !== undefined;
    return details;
  }

  function answerTurn(): void {
    const all = turn;
    turn = [];
    if (all.some(({ key }) => told.has(key)) || performance.now() - readAt > FRESH_MS) forget();
    if (canAll && !known && new Set(all.map(({ role }) => role)).size >= LEAST) known = readAll();
    const from = canAll ? known : undefined;
    for (const { key, ask, outOf, resolve } of all) {
      if (from) told.add(key);
      resolve(from ? from.then((details) => answered(details && outOf(details)) ?? ask()) : ask());
    }
  }

  return (given, { commandName = "" }) => {
    const next = given as unknown as (args: Args) => Promise<Answer>;
    const read = READS[commandName];
    const collected = (args: Args): Promise<Answer> => {
      if (!read) return next(args);
      const { input } = args;
      return new Promise((resolve) => {
        if (turn.length === 0) setImmediate(answerTurn);
        const key = JSON.stringify([commandName, input.RoleName, input.PolicyName]);
        const outOf = (details: Details) => read(details, input);
        turn.push({ key, role: input.RoleName ?? "", ask: () => next(args), outOf, resolve });
      });
    };
    const changed = (args: Args): Promise<Answer> => {
      forget();
      return next(args).finally(forget);
    };
    return (/^(Get|List)/.test(commandName) ? collected : changed) as unknown as typeof given;
  };
}

function answered(output: object | undefined): Answer | undefined {
  return output && ({ output, response: undefined } as Answer);
}

/** Undefined where one may not read them, or they are too many; what else is wrong shows when each is asked for. */
async function detailsOf(client: IAMClient): Promise<Details | undefined> {
  const details = new Map<string, RoleDetail>();
  let Marker: string | undefined;
  try {
    for (let pages = MOST_PAGES; pages > 0; pages--) {
      const asked = { Filter: ["Role" as const], MaxItems: 1000, Marker };
      const page = await client.send(new GetAccountAuthorizationDetailsCommand(asked));
      for (const role of page.RoleDetailList ?? []) details.set(role.RoleName!, role);
      if (!page.IsTruncated) return details;
      Marker = page.Marker;
    }
  } catch {
    return undefined;
  }
  return undefined;
}
