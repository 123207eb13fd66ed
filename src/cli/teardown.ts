import { GetRoleCommand } from "@aws-sdk/client-iam";
import type { Cloud } from "../aws/clients.ts";
import { orNothing } from "../aws/errors.ts";
import { countUnfinishedJobs } from "../aws/jobs.ts";
import { BootstrapError, RefusedError } from "../engine/errors.ts";
import { Graph } from "../engine/graph.ts";
import { label, type Thing } from "../engine/removal.ts";
import { SERVICE_LINKED_ROLES } from "../environment.ts";
import { ask, mayAsk } from "./agree.ts";
import { throwAll } from "./fail.ts";
import type { Flags } from "./flags.ts";
import { say } from "./say.ts";
import { type Session, withSession } from "./session.ts";

/** Stops the costs. Needs neither config nor manifest: what carries the environment's tags is found, shown and removed. */
export function teardown(flags: Flags): Promise<void> {
  return withSession("teardown", flags, { locked: !flags.dryRun }, async (session) => {
    const { view, config, identity, clock } = session;
    const engine = session.engine(new Graph<Cloud>());
    const [things, jobs] = await Promise.all([
      engine.everything({ wait: !flags.dryRun }),
      countUnfinishedJobs(session.cloud, config.name),
    ]);
    const place = `${config.name} in ${config.region}, account ${identity.account}`;
    if (things.length === 0) {
      // Looks once more, and ends a journal that outlived its environment.
      const { left } = flags.dryRun ? { left: [] } : await engine.down([]);
      if (left.length > 0) throw stillThere();
      say(session, `nothing of ${place} is there`, { type: "summary", left: [] });
      return;
    }
    show(session, things, jobs);
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
    const { left, failures } = await engine.down(things);
    await view.close();
    if (left.length > 0) {
      say(session, [`still there of ${place}:`, ...left.map(inWords)].join("\n"), {
        type: "summary",
        left: left.map(inJson),
      });
      throwAll(failures.length > 0 ? failures : [stillThere()]);
      return;
    }
    const roles = await accountsOwnRoles(session);
    const alone =
      roles.length > 0 ? [`left alone, because they are the account's own and cost nothing: ${roles.join(", ")}`] : [];
    say(
      session,
      [`nothing is left of ${place}: looked for everything with its tags, and found nothing`, ...alone].join("\n"),
      { type: "summary", left: [], accountsOwn: roles },
    );
  });
}

function show(session: Session, things: readonly Thing<Cloud>[], jobs: number): void {
  const { name, region } = session.config;
  const ended = jobs > 0 ? [`${jobs} job${jobs === 1 ? "" : "s"} in the queue will be ended`] : [];
  say(session, [`to be removed of ${name} in ${region}:`, ...things.map(inWords), ...ended].join("\n"), {
    ...{ type: "removal", jobs, things: things.map(inJson) },
  });
}

async function agreeToLose(
  session: Session,
  things: readonly Thing<Cloud>[],
  jobs: number,
  place: string,
): Promise<void> {
  const { flags } = session;
  const data = things.filter(({ step }) => step.protect);
  const refs = data.map(({ found }) => found.ref).join(", ");
  if (!mayAsk(session)) {
    const given = flags.yes && (data.length === 0 || flags.discardData);
    if (given) return;
    throw new RefusedError(
      data.length > 0 && !flags.discardData
        ? `removing ${place} would remove ${refs} with all data on it, and there is no terminal to ask at`
        : `removing ${place}, and there is no terminal to ask at`,
      `if that is what you want: bootstrap teardown --yes${data.length > 0 ? " --discard-data" : ""}`,
    );
  }
  if (!flags.yes) await ask(session, `remove ${things.length} things${jobs > 0 ? ` and end ${jobs} jobs` : ""}?`);
  if (data.length > 0 && !flags.discardData)
    await ask(session, `${refs} goes with all data on it, and there is no backup. Discard the data?`);
}

async function accountsOwnRoles({ cloud }: Session): Promise<string[]> {
  const names = Object.values(SERVICE_LINKED_ROLES).map(({ roleName }) => roleName);
  const found = await Promise.all(names.map((RoleName) => orNothing(cloud.iam.send(new GetRoleCommand({ RoleName })))));
  return names.filter((_name, at) => found[at] !== undefined);
}

function stillThere(): BootstrapError {
  return new BootstrapError("left", "some things are still there", {
    hint: "run bootstrap teardown again: it goes on from here",
  });
}

function inJson({ step, found }: Thing<Cloud>) {
  return { kind: step.kind, node: found.node, ref: found.ref, holdsData: step.protect ?? false };
}

function inWords({ step, found }: Thing<Cloud>): string {
  const data = step.protect ? "  (holds data)" : "";
  return `  ${step.kind.padEnd(20)} ${found.ref}${data}`;
}
