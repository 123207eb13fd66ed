import { GetRoleCommand } from "@aws-sdk/client-iam";
import type { Cloud } from "../aws/clients.ts";
import { awsWords, isDenied, orNothing } from "../aws/errors.ts";
import { countUnfinishedJobs } from "../aws/jobs.ts";
import { throwAll } from "../cli/exit.ts";
import type { Flags } from "../cli/flags.ts";
import { say } from "../cli/print.ts";
import { BootstrapError, RefusedError } from "../engine/errors.ts";
import { Graph } from "../engine/graph.ts";
import { hint } from "../engine/hint.ts";
import { label, type Thing, type Unseen } from "../engine/removal.ts";
import { SERVICE_LINKED_ROLES } from "../environment/index.ts";
import { ask } from "./approve.ts";
import { notLookedFor } from "./plan.ts";
import { type Session, withSession } from "./session.ts";

/** Stops the costs. Needs neither config nor manifest: what carries the environment's tags is found, shown and removed. */
export function teardown(flags: Flags): Promise<void> {
  return withSession("teardown", flags, { locked: !flags.dryRun, chooses: false }, takeDown);
}

/** Looks, shows, asks, removes, and looks again. */
export async function takeDown(session: Session): Promise<void> {
  const { flags, view, config, identity, clock } = session;
  const engine = session.engine(new Graph<Cloud>());
  const [{ things, unseen }, jobs] = await Promise.all([
    engine.everything({ wait: !flags.dryRun }),
    countUnfinishedJobs(session.cloud, config.name).catch(wordsIfDenied),
  ]);
  const place = `${config.name} in ${config.region}, account ${identity.account}`;
  if (things.length === 0) {
    // Looks once more, and ends a journal that outlived its environment.
    const after = flags.dryRun ? { left: [], unseen } : await engine.down([]);
    if (after.left.length > 0) throw stillThere();
    end(session, `nothing of ${place} is there`, after.unseen);
    return;
  }
  show(session, things, unseen, jobs);
  if (flags.dryRun) return;
  await agreeToLose(session, things, jobs, place);
  view.onEvent({
    type: "planned",
    at: clock.now(),
    nodes: things.map((thing) => ({
      ...{
        node: label(things, thing),
        kind: thing.step.kind,
        verdict: "remove",
        reason: "teardown",
        ref: thing.found.ref,
      },
    })),
  });
  const after = await engine.down(things);
  await view.close();
  if (after.left.length > 0) {
    const lines = [`still there of ${place}:`, ...after.left.map(inWords), ...notLookedFor(after.unseen, WHAT)];
    say(session, lines.join("\n"), { type: "summary", left: after.left.map(inJson), unseen: after.unseen });
    throwAll(after.failures.length > 0 ? after.failures : [stillThere()]);
    return;
  }
  const roles = await accountsOwnRoles(session);
  const alone =
    roles.length > 0 ? [`left alone, because they are the account's own and cost nothing: ${roles.join(", ")}`] : [];
  const all = `nothing is left of ${place}: looked for everything with its tags, and found nothing`;
  end(session, [all, ...alone].join("\n"), after.unseen, { accountsOwn: roles });
}

/** What the environment has, in the words of `notLookedFor`. */
const WHAT = "what carries its tags";

/** The last word: everything is gone; or, where AWS did not allow a look, that something may be left. */
function end(session: Session, all: string, unseen: readonly Unseen[], more: object = {}): void {
  const { name, region } = session.config;
  const hidden = unseen.filter(({ byName }) => !byName);
  const first = hidden.length === 0 ? [all] : [`nothing that may be seen is left of ${name} in ${region}`];
  say(session, [...first, ...notLookedFor(unseen, WHAT)].join("\n"), { type: "summary", left: [], unseen, ...more });
  if (hidden.length === 0) return;
  throw new BootstrapError(
    "unseen",
    `something may be left: ${hidden.map(({ kind }) => kind).join(", ")} could not be looked for`,
    {
      hint: hint`ask for the permissions that AWS names (bootstrap policy teardown prints all of them), then run ${["teardown"]} again`,
    },
  );
}

/** A refusal in AWS's words; any other error is thrown on. */
function wordsIfDenied(error: unknown): string {
  if (isDenied(error)) return awsWords(error);
  throw error;
}

/** Of jobs: how many are not done, or why they could not be counted. */
function show(
  session: Session,
  things: readonly Thing<Cloud>[],
  unseen: readonly Unseen[],
  jobs: number | string,
): void {
  const { name, region } = session.config;
  const lines = [`to be removed of ${name} in ${region}:`, ...things.map(inWords), ...jobsInWords(jobs)];
  say(session, [...lines, ...notLookedFor(unseen, WHAT)].join("\n"), {
    ...{ type: "removal", jobs, things: things.map(inJson), unseen },
  });
}

function jobsInWords(jobs: number | string): readonly string[] {
  if (typeof jobs === "string")
    return [`jobs that the queue may hold will be ended; they could not be counted: ${jobs}`];
  return jobs > 0 ? [`${jobs} job${jobs === 1 ? "" : "s"} in the queue will be ended`] : [];
}

async function agreeToLose(
  session: Session,
  things: readonly Thing<Cloud>[],
  jobs: number | string,
  place: string,
): Promise<void> {
  const { flags } = session;
  const data = things.filter(({ step, found }) => step.protect && found.owned);
  const refs = data.map(({ found }) => found.ref).join(", ");
  if (!session.confirm) {
    const given = flags.yes && (data.length === 0 || flags.discardData);
    if (given) return;
    throw new RefusedError(
      data.length > 0 && !flags.discardData
        ? `removing ${place} would remove ${refs} with all data on it, and there is no terminal to ask at`
        : `removing ${place}, and there is no terminal to ask at`,
      hint`if that is what you want: ${["teardown", "--yes", ...(data.length > 0 ? ["--discard-data"] : [])]}`,
    );
  }
  if (!flags.yes)
    await ask(
      session,
      `remove ${things.length} things${jobs === 0 ? "" : ` and end ${typeof jobs === "string" ? "all" : jobs} jobs`}?`,
    );
  if (data.length > 0 && !flags.discardData)
    await ask(session, `${refs} goes with all data on it, and there is no backup. Discard the data?`);
}

async function accountsOwnRoles({ cloud }: Session): Promise<string[]> {
  const names = Object.values(SERVICE_LINKED_ROLES).map(({ roleName }) => roleName);
  const found = await Promise.all(
    names.map((RoleName) =>
      orNothing(cloud.iam.send(new GetRoleCommand({ RoleName }))).catch((error: unknown) => {
        if (!isDenied(error)) throw error;
        return undefined;
      }),
    ),
  );
  return names.filter((_name, at) => found[at] !== undefined);
}

function stillThere(): BootstrapError {
  return new BootstrapError("left", "some things are still there", {
    hint: hint`run ${["teardown"]} again: it goes on from here`,
  });
}

function inJson({ step, found }: Thing<Cloud>) {
  return { kind: step.kind, node: found.node, ref: found.ref, holdsData: step.protect ?? false };
}

function inWords({ step, found }: Thing<Cloud>): string {
  const data = !found.owned ? "  (its tags are gone: it stays)" : step.protect ? "  (holds data)" : "";
  return `  ${step.kind.padEnd(20)} ${found.ref}${data}`;
}
