import type { Host, Io } from "../actions/action.ts";
import type { Result } from "../actions/result.ts";
import type { Clock } from "../engine/clock.ts";
import { ConfigError } from "../engine/errors.ts";
import { manifestFile } from "../engine/manifest/file.ts";
import { lock } from "../engine/manifest/lock.ts";
import { type Said, written } from "../log/lines.ts";
import { openView } from "../ui/open-view.ts";
import { askAtTerminal } from "./confirm.ts";
import { reach, realClock } from "./connection.ts";
import { errorCode, errorLines, printError, resultCode } from "./exit.ts";
import type { Flags } from "./flags.ts";
import { FOLDER } from "./folder.ts";
import { resultInJson } from "./json.ts";
import { isAlive, ourselves } from "./pid.ts";
import { printed, remarkOn } from "./print.ts";
import { RunLog } from "./run-log.ts";
import { stopOnSignals } from "./signals.ts";
import { colors } from "./terminal.ts";

/** Runs an action in this process: its events are drawn, its questions asked, its results printed, at this terminal. */
export async function run<F extends Flags>(
  action: (host: Host, flags: F, io: Io) => Promise<Result>,
  flags: F,
): Promise<void> {
  const { stdout, stderr } = process;
  if (flags.exitCode && !flags.dryRun)
    throw new ConfigError("--exit-code goes with --dry-run", "add it, or leave both out");
  const { json = false, verbose = false } = flags;
  const signal = stopOnSignals();
  const color = colors();
  let startedAt: number | undefined;
  let clock: Pick<Clock, "now"> = realClock;
  const kind = json ? "json" : stdout.isTTY && stdout.columns > 0 ? "listr" : "lines";
  const view = openView(kind, { stdout, stderr, verbose, color, now: () => clock.now() });
  const log = new RunLog(FOLDER, (why) => stderr.write(`this run is not written down any further: ${why}\n`));
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
    event(event) {
      if (event.type === "began") startedAt = event.at;
      view.onEvent(event);
      log.event(event);
    },
    ask: askAtTerminal(flags, signal),
    async result(result) {
      if (result.type === "up" || result.type === "removed") await view.close();
      if (log.isOpen && result.type !== "policy") for (const line of resultInJson(result)) log.say(line);
      stdout.write(printed(result, { json, color, columns: stdout.isTTY ? stdout.columns : undefined }));
      const remark = remarkOn(result);
      if (remark !== undefined) stderr.write(remark);
    },
  };
  const ended = await action(host, flags, io)
    .then(
      (result) => ({ error: failed(result), exitCode: resultCode(result, flags) }),
      (error: unknown) => ({ error, exitCode: errorCode(error) }),
    )
    .finally(() => view.close());
  if (ended.error !== undefined) printError(ended.error, flags);
  for (const line of ended.error === undefined ? [] : errorLines(ended.error, flags)) log.say(line);
  if (startedAt !== undefined) {
    const at = clock.now();
    const line: Said = { type: "ended", at, ms: at - startedAt, exitCode: ended.exitCode };
    log.say(line);
    if (json) stdout.write(written(line));
  }
  log.close();
  process.exitCode = ended.exitCode;
}

function failed(result: Result): AggregateError | undefined {
  return "failures" in result && result.failures.length > 0 ? new AggregateError(result.failures) : undefined;
}
