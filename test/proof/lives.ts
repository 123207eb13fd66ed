import type { Fault } from "../../sandbox/faults.ts";
import { randomFrom } from "../../sandbox/random.ts";
import { isAwsError } from "../../src/aws/errors.ts";
import {
  bake,
  CHANGED,
  type Command,
  complaintsOf,
  FIRST,
  OTHER,
  REGION,
  type Straight,
  teardown,
  up,
} from "./commands.ts";
import { type DeskOptions, deskAt, type Moment, untilCut } from "./desk.ts";
import { MISCHIEF } from "./mischief.ts";
import { differences } from "./world.ts";

const NO_DISK = "filesystem: { enabled: false }\nscratch: { kind: none }\n";

const COMMANDS: Readonly<Record<string, Command>> = {
  up: up(FIRST),
  "up, changed": up(CHANGED),
  "up, another": up(OTHER),
  "up without a disk": up(NO_DISK),
  bake,
  teardown,
};

const FAULTS: Readonly<Record<string, readonly Fault[]>> = {
  "good weather": [],
  throttled: [{ operation: "*", probability: 0.3, error: { code: "ThrottlingException", status: 429 } }],
  "answers lost": [{ operation: "*", probability: 0.05, reset: "after" }],
  "service errors": [{ operation: "*", probability: 0.05, error: { code: "InternalError", status: 500 } }],
  "shown late": [{ operation: "*", unseenMs: 30_000 }],
};

export interface Life {
  readonly seed: number;
  /** What happened, in order. */
  readonly story: readonly string[];
  readonly cuts: number;
  readonly wrong: readonly string[];
}

/**
 * One environment's years in the hands of people and power cuts; at the end of them the weather is good, and `up` and
 * `teardown` are each typed until they say that all is done, which they must within three times.
 */
export async function live(seed: number, first: Straight): Promise<Life> {
  const random = randomFrom(seed);
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)]!;
  const story: string[] = [];
  let cuts = 0;
  let moment = random() < 0.6 ? first.moment : undefined;
  const around = (faults: readonly Fault[] = []): DeskOptions => {
    const laterMs = pick([0, 1_000, 90_000, 3_600_000, 40 * 24 * 3_600_000]);
    return { region: REGION, oversleep: pick([10, 30]), laterMs, faults };
  };

  const steps = 2 + Math.floor(random() * 4);
  for (let step = 0; step < steps; step++) {
    if (moment && random() < 0.5) {
      const deed = pick(Object.keys(MISCHIEF));
      story.push(`somebody ${deed}`);
      moment = await mischief(moment, deed);
    }
    if (moment?.manifest !== undefined && random() < 0.1) {
      story.push("the manifest is lost");
      moment = { ...moment, manifest: undefined };
    }
    const [command, weather] = [pick(Object.keys(COMMANDS)), pick(Object.keys(FAULTS))];
    const countdown = random() < 0.7 ? 1 + Math.floor(random() ** 2 * 900) : Number.MAX_SAFE_INTEGER;
    const result = await untilCut(moment, around(FAULTS[weather]), countdown, (site) =>
      complaintsOf(COMMANDS[command]!(site)),
    );
    moment = result.moment;
    if (!result.done) cuts += 1;
    const end = result.done ? result.done.map(firstLine).join("; ") || "done" : `cut at ${countdown}`;
    story.push(`${command} (${weather}): ${end}`);
  }

  for (const [command, should] of [["up", first.stands] as const, ["teardown", []] as const]) {
    const ended = await typedUntilDone(moment, command, around());
    story.push(...ended.story);
    moment = ended.moment;
    const wrong = [...ended.complaints, ...differences(moment, should, REGION, { anyBase: true })];
    if (wrong.length > 0) return { seed, story, cuts, wrong: [`after the last ${command}:`, ...wrong] };
  }
  return { seed, story, cuts, wrong: [] };
}

const MOST_TIMES = 3;

async function typedUntilDone(from: Moment | undefined, command: string, options: DeskOptions) {
  const story: string[] = [];
  let moment = from;
  for (let times = 1; ; times++) {
    const desk = deskAt(moment, options);
    const complaints = await complaintsOf(COMMANDS[command]!(desk.site));
    moment = desk.freeze();
    story.push(`${command} (the end): ${complaints.map(firstLine).join("; ") || "done"}`);
    if (complaints.length === 0 || times === MOST_TIMES) return { moment, story, complaints };
  }
}

async function mischief(from: Moment, deed: string): Promise<Moment> {
  const desk = deskAt(from, { region: REGION });
  await MISCHIEF[deed]!(desk.site.lab.cloud).catch((error: unknown) => {
    if (!isAwsError(error)) throw error;
  });
  return desk.freeze();
}

function firstLine(text: string): string {
  return text.split("\n")[0]!;
}
