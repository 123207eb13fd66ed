import { ConfigError, RefusedError } from "../engine/errors.ts";
import { hint } from "../engine/hint.ts";
import { environmentsIn, type LoggedRun, loggedRuns } from "../log/file.ts";
import type { Action } from "./action.ts";
import { environmentOf } from "./manifests.ts";
import type { Target } from "./options.ts";
import type { Result } from "./result.ts";
import { loadTarget } from "./session.ts";

export interface HistoryOptions extends Target {
  /** Of the list, from 1; without it: the list. */
  readonly number?: string;
  readonly gantt?: boolean;
}

/** Earlier runs, from what was written down of them on this machine; AWS is not asked. */
export const history: Action<HistoryOptions> = async ({ folder }, options, io) => {
  const { name, region } = (await loadTarget(options)).values;
  const isMeant = (environment: string) => {
    const of = environmentOf(environment);
    return of?.name === name && (region ?? of.region) === of.region && (!options.sandbox || of.sandbox);
  };
  const runs = loggedRuns(folder, isMeant);
  if (runs.length === 0) {
    const others = environmentsIn(folder).filter((environment) => !isMeant(environment));
    throw new RefusedError(
      `of ${name} no run is on record here`,
      others.length > 0 ? `there are runs of ${others.join(", ")}: choose one with --name and --region` : undefined,
    );
  }
  const result: Result =
    options.number === undefined && !options.gantt
      ? { type: "history", runs }
      : { type: "run", run: chosen(runs, options.number ?? "1"), gantt: options.gantt ?? false };
  await io.result(result);
  return result;
};

function chosen(runs: readonly LoggedRun[], number: string): LoggedRun {
  const run = /^\d+$/.test(number) ? runs[Number(number) - 1] : undefined;
  if (run) return run;
  throw new ConfigError(
    `${number}: there is no such run`,
    hint`${["history"]} lists them, from 1 to ${String(runs.length)}`,
  );
}
