/** Runs each test as it is, and then once more with each change that it came by and that none has missed; see mutants.ts. */
import { AsyncLocalStorage } from "node:async_hooks";
import { setMaxListeners } from "node:events";
import { appendFileSync, readFileSync } from "node:fs";
import { type RunnerTestCase, type RunnerTestSuite, TestRunner } from "vitest";

interface Trial {
  /** Undefined: nothing is changed. */
  readonly mutant: string | undefined;
  readonly met: Set<string>;
  asked: number;
  isOver: boolean;
}

/** A test that ends asks for the switches less often. */
const MOST_ASKED = 200_000;

const trials = new AsyncLocalStorage<Trial>();

Object.assign(globalThis, {
  isMutant(name: string): boolean {
    const trial = trials.getStore();
    if (!trial) return false;
    trial.asked += 1;
    // What would go on for ever because of the change, or goes on behind the test, ends here.
    if (trial.mutant !== undefined && (trial.isOver || trial.asked > MOST_ASKED)) throw new Error("without an end");
    trial.met.add(name);
    return trial.mutant === name;
  },
});

const kept = process.env.MISSED!;
const missed = new Set(readFileSync(kept, "utf8").split("\n"));

export default class MutantRunner extends TestRunner {
  async runTask(test: RunnerTestCase): Promise<void> {
    // Each time it is run, the test listens to it anew.
    setMaxListeners(0, test.context.signal);
    const met = await tried(test, undefined);
    // What fails when it is run twice would seem to miss every change.
    await tried(test, undefined);
    for (const mutant of met) {
      if (missed.has(mutant)) continue;
      await tried(test, mutant).catch(() => {
        missed.add(mutant);
        appendFileSync(kept, `${mutant}\n`);
      });
    }
  }
}

/** Answers the changes that the test came by; rejects where it fails. */
async function tried(test: RunnerTestCase, mutant: string | undefined): Promise<ReadonlySet<string>> {
  const trial: Trial = { mutant, met: new Set(), asked: 0, isOver: false };
  try {
    await trials.run(trial, async () => {
      for (const suite of suitesOf(test)) {
        for (const hook of TestRunner.getSuiteHooks(suite).beforeEach) await hook(test.context, suite);
      }
      await TestRunner.getTestFn(test)();
    });
    return trial.met;
  } finally {
    trial.isOver = true;
  }
}

/** From the file's own down to the one that the test stands in. */
function suitesOf({ suite, file }: Pick<RunnerTestCase, "suite" | "file">): readonly RunnerTestSuite[] {
  return suite && suite !== file ? [...suitesOf(suite), suite] : [file];
}
