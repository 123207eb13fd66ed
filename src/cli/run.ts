import type { Host, Io } from "../actions/action.ts";
import type { Result } from "../actions/result.ts";
import type { Clock } from "../engine/clock.ts";
import { manifestFile } from "../engine/manifest/file.ts";
import { lock } from "../engine/manifest/lock.ts";
import { openView } from "../ui/open-view.ts";
import { askAtTerminal } from "./confirm.ts";
import { FOLDER, reach, realClock } from "./connection.ts";
import { printError, resultCode } from "./exit.ts";
import type { Flags } from "./flags.ts";
import { isAlive, ourselves } from "./pid.ts";
import { printed, remarkOn } from "./print.ts";
import { stopOnSignals } from "./signals.ts";
import { colors } from "./terminal.ts";

/** Runs an action in this process: its events are drawn, its questions asked, its results printed, at this terminal. */
export async function run<F extends Flags>(
  action: (host: Host, flags: F, io: Io) => Promise<Result>,
  flags: F,
): Promise<void> {
  const { stdout, stderr } = process;
  const { json = false, verbose = false } = flags;
  const signal = stopOnSignals();
  const color = colors();
  let clock: Pick<Clock, "now"> = realClock;
  const kind = json ? "json" : stdout.isTTY && stdout.columns > 0 ? "listr" : "lines";
  const view = openView(kind, { stdout, stderr, verbose, color, now: () => clock.now() });
  const host: Host = {
    signal,
    folder: FOLDER,
    async reach() {
      const reached = await reach(flags, signal);
      clock = reached.clock;
      return reached;
    },
    lock: (path, { verb, ...how }) => lock(path, { ...how, owner: ourselves(verb), isAlive }),
    store: manifestFile,
  };
  const io: Io = {
    event: view.onEvent,
    ask: askAtTerminal(flags, signal),
    async result(result) {
      if (result.type === "up" || result.type === "removed") await view.close();
      stdout.write(printed(result, { json, color }));
      const remark = remarkOn(result);
      if (remark !== undefined) stderr.write(remark);
    },
  };
  const result = await action(host, flags, io).finally(() => view.close());
  if ("failures" in result && result.failures.length > 0) printError(new AggregateError(result.failures), flags);
  process.exitCode = resultCode(result);
}
