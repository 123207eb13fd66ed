import { GetRoleCommand } from "@aws-sdk/client-iam";
import type { Cloud } from "../aws/clients.ts";
import { awsWords, isDenied, orNothing } from "../aws/errors.ts";
import { countUnfinishedJobs } from "../aws/jobs.ts";
import { BootstrapError, RefusedError } from "../engine/errors.ts";
import { Graph } from "../engine/graph.ts";
import { hint } from "../engine/hint.ts";
import type { Unseen } from "../engine/owned.ts";
import { label } from "../engine/remove.ts";
import { SERVICE_LINKED_ROLES } from "../environment/compute.ts";
import { absent, othersHere } from "./absent.ts";
import type { Action, Io } from "./action.ts";
import { demandYes } from "./approve.ts";
import type { Options } from "./options.ts";
import type { RemovalResult, RemovedResult, Result } from "./result.ts";
import { type Session, withSession } from "./session.ts";

/** Stops the costs. Needs neither config nor manifest: what carries the environment's tags is found, shown and removed. */
export const teardown: Action = (host, options, io) =>
  withSession(host, { verb: "teardown", options, io, locked: !options.dryRun, chooses: false }, (session) =>
    takeDown(session, options, io),
  );

/** Looks, shows, asks, removes, and looks again. */
async function takeDown(session: Session, options: Options, io: Io): Promise<Result> {
  const { config, identity, clock } = session;
  const engine = session.engine(new Graph<Cloud>());
  const [{ things, unseen }, jobs] = await Promise.all([
    engine.everything({ wait: !options.dryRun }),
    countUnfinishedJobs(session.cloud, config.name).catch(wordsIfDenied),
  ]);
  const place = { name: config.name, region: config.region, account: identity.account };
  const end = async (ended: Omit<RemovedResult, "type" | keyof typeof place>): Promise<Result> => {
    const result: RemovedResult = { type: "removed", ...place, ...ended };
    await io.result(result);
    return result;
  };
  if (things.length === 0) {
    // Looks once more, and ends a manifest that outlived its environment.
    const after = options.dryRun ? { left: [], unseen } : await engine.down([]);
    if (after.left.length > 0) throw stillThere();
    const others = session.manifest.fresh ? await othersHere(session) : [];
    if (others.length > 0) throw absent(session, others);
    return end({ nothing: true, left: [], unseen: after.unseen, failures: mayBeLeft(after.unseen) });
  }
  const removal: RemovalResult = { type: "removal", ...place, things, jobs, unseen };
  await io.result(removal);
  if (options.dryRun) return removal;
  await approveLoss(session, removal, options, io);
  io.event({
    type: "planned",
    at: clock.now(),
    nodes: things.map((thing) => ({
      ...{ node: label(things, thing), kind: thing.step.kind, ref: thing.found.ref },
      ...{ verdict: "remove", reason: "teardown" },
    })),
  });
  const after = await engine.down(things);
  if (after.left.length > 0) {
    return end({ ...after, nothing: false, failures: after.failures.length > 0 ? after.failures : [stillThere()] });
  }
  const accountsOwn = await accountsOwnRoles(session);
  const failures = mayBeLeft(after.unseen);
  return end({ nothing: false, left: [], unseen: after.unseen, accountsOwn, failures });
}

/** Where AWS did not allow a look. */
function mayBeLeft(unseen: readonly Unseen[]): readonly BootstrapError[] {
  const hidden = unseen.filter(({ byName }) => !byName).map(({ kind }) => kind);
  if (hidden.length === 0) return [];
  return [
    new BootstrapError("unseen", `something may be left: ${hidden.join(", ")} could not be looked for`, {
      hint: hint`ask for the permissions that AWS names (bootstrap policy teardown prints all of them), then run ${["teardown"]} again`,
    }),
  ];
}

/** A refusal in AWS's words; any other error is thrown on. */
function wordsIfDenied(error: unknown): string {
  if (isDenied(error)) return awsWords(error);
  throw error;
}

async function approveLoss(
  { signal }: Session,
  { things, jobs, name, region, account }: RemovalResult,
  { yes, discardData }: Options,
  io: Io,
): Promise<void> {
  const data = things.filter(({ step, found }) => step.protect && found.owned);
  const refs = data.map(({ found }) => found.ref).join(", ");
  if (!io.ask) {
    if (yes && (data.length === 0 || discardData)) return;
    const place = `${name} in ${region}, account ${account}`;
    throw new RefusedError(
      data.length > 0 && !discardData
        ? `removing ${place} would remove ${refs} with all data on it, and there is no terminal to ask at`
        : `removing ${place}, and there is no terminal to ask at`,
      hint`if that is what you want: ${["teardown", "--yes", ...(data.length > 0 ? ["--discard-data"] : [])]}`,
    );
  }
  if (!yes) {
    const ending = jobs === 0 ? "" : ` and end ${typeof jobs === "string" ? "all" : jobs} jobs`;
    await demandYes({ text: `remove ${things.length} things${ending}?`, risk: "remove" }, { io, signal });
  }
  if (data.length > 0 && !discardData) {
    const text = `${refs} goes with all data on it, and there is no backup. Discard the data?`;
    await demandYes({ text, risk: "data" }, { io, signal });
  }
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
