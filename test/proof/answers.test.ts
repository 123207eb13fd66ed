import { describe, expect, it } from "vitest";
import type { Ran, Site } from "../environment/site.ts";
import { eachObject, Front, isJson, isObject, type Twist } from "./answers.ts";
import { outcomeOf, REGION } from "./commands.ts";
import { type Desk, deskAt, type Moment } from "./desk.ts";
import { arrive, stages, VERBS, type Verb } from "./verbs.ts";
import { differences, standing } from "./world.ts";

/** In an answer to one of these operations, the word for a state, wherever it stands. */
interface StateField {
  readonly operations: readonly string[];
  /** Of a JSON answer. */
  readonly field?: string;
  /** Of an XML answer: the word is what it captures second. */
  readonly xml?: RegExp;
  /** It stands when all is done, so that a look at it must not be quiet. */
  readonly lasts: boolean;
}

const STATES: Readonly<Record<string, StateField>> = {
  "a file system": { operations: ["describefilesystems"], field: "Lifecycle", lasts: true },
  "a machine image": {
    ...{ operations: ["describeimages"], lasts: true },
    xml: /(<imageState>)([^<]*)(<\/imageState>)/g,
  },
  "a snapshot": { operations: ["describesnapshots"], xml: /(<status>)([^<]*)(<\/status>)/g, lasts: false },
  "an instance": {
    ...{ operations: ["describeinstances"], lasts: false },
    xml: /(<instanceState>(?:<code>\d+<\/code>)?<name>)([^<]*)(<\/name>)/g,
  },
  "an SSM agent": { operations: ["describeinstanceinformation"], field: "PingStatus", lasts: false },
  "a command": { operations: ["listcommands", "getcommandinvocation"], field: "Status", lasts: false },
  "a compute environment": { operations: ["describecomputeenvironments"], field: "status", lasts: true },
  "a job queue": { operations: ["describejobqueues"], field: "status", lasts: true },
};

function wordIs({ operations, field, xml }: StateField, word: string | undefined): Twist {
  return {
    answer(operation, body) {
      if (!operations.includes(operation)) return body;
      if (!isJson(body)) return xml ? body.replaceAll(xml, `$1${word ?? ""}$3`) : body;
      return eachObject(body, (object) => {
        if (field === undefined || !(field in object)) return;
        if (word === undefined) delete object[field];
        else object[field] = word;
      });
    },
  };
}

/** What AWS may add to any answer, or show otherwise, without meaning anything. */
const HARMLESS: Readonly<Record<string, Twist>> = {
  "has fields that nobody knew": {
    answer: (_operation, body) =>
      isJson(body)
        ? eachObject(body, (object) => {
            // Maps of names that people give have no fields.
            if (!Object.values(object).some((value) => typeof value === "object" || typeof value === "boolean")) return;
            object.aNewField = { with: ["more", 1, null] };
          })
        : body.replaceAll(/<(item|member)>(?=<)/g, "<$1><aNewField><with>more</with></aNewField>"),
  },
  "begins lists with an empty page": { answer: (_operation, body) => body, emptyPages: true },
  "turns its lists round": {
    answer: (_operation, body) =>
      isJson(body)
        ? JSON.stringify(
            Object.fromEntries(
              Object.entries(JSON.parse(body) as Record<string, unknown>).map(([key, value]) => [
                key,
                // Lines of a log come in their order, and one thing that was asked for alone has lists of its own.
                Array.isArray(value) && key !== "events" ? value.toReversed() : value,
              ]),
            ),
          )
        : body,
  },
  "shows tags that others put on": {
    answer: (_operation, body) =>
      isJson(body)
        ? eachObject(body, (object) => {
            for (const key of ["Tags", "tags"]) {
              const tags = object[key];
              if (Array.isArray(tags) && tags.every(isObject)) {
                object[key] = [
                  { Key: "aws:cloudformation:stack-name", Value: "x" },
                  ...tags,
                  { Key: "owner", Value: "" },
                ];
              } else if (isObject(tags)) object[key] = { "aws:servicecatalog:x": "y", ...tags, owner: "" };
            }
          })
        : body
            .replaceAll(/<tagSet>/g, "<tagSet><item><key>aws:autotag</key><value>x</value></item>")
            .replaceAll(/<Tags>(?=<member>)/g, "<Tags><member><Key>owner</Key><Value>IT</Value></member>"),
  },
};

/** What AWS may leave out of an answer about a thing that it has just made. */
const HALF_SHOWN: Readonly<Record<string, Twist>> = {
  "without tags": {
    answer: (operation, body) =>
      !operation.startsWith("describe")
        ? body
        : isJson(body)
          ? eachObject(body, (object) => {
              for (const key of ["Tags", "tags"]) if (typeof object[key] === "object") delete object[key];
            })
          : body.replaceAll(/<tagSet>.*?<\/tagSet>/gs, ""),
  },
  "without what else there is to say of it": {
    answer: (operation, body) =>
      !operation.startsWith("describe")
        ? body
        : isJson(body)
          ? eachObject(body, (object) => {
              const gone = [
                "DNSName",
                "LustreConfiguration",
                "AdministrativeActions",
                "CreationTime",
                "SubnetIds",
                "ResourceARN",
              ];
              for (const key of [...gone, "ecsClusterArn", "computeResources", "statusReason", "imagePushedAt"])
                delete object[key];
            })
          : body.replaceAll(
              /<(blockDeviceMapping|creationDate|rootDeviceName|stateReason|startTime|launchTime|groupSet|tenancy|versionDescription)>.*?<\/\1>/gs,
              "",
            ),
  },
};

/** The twist holds for so many answers of each operation, as if what was made came into sight bit by bit. */
function forAWhile(twist: Twist, answers = 4): Twist {
  const counts = new Map<string, number>();
  return {
    ...twist,
    answer(operation, body) {
      const count = (counts.get(operation) ?? 0) + 1;
      counts.set(operation, count);
      return count > answers ? body : twist.answer(operation, body);
    },
  };
}

interface Situation {
  readonly from: Verb;
  readonly type: (site: Site) => ReturnType<(typeof VERBS)[Verb]>;
  /** What is typed when the answers are as always again. */
  readonly afterwards: Verb;
}

const SITUATIONS: Readonly<Record<string, Situation>> = {
  up: { from: "up", type: VERBS.up, afterwards: "up" },
  "up again": { from: "teardown", type: VERBS.up, afterwards: "up" },
  "up --dry-run, and status": { from: "teardown", type: (site) => site.up("", { dryRun: true }), afterwards: "up" },
  "bake-ami": { from: "bake-ami", type: VERBS["bake-ami"], afterwards: "bake-ami" },
  teardown: { from: "teardown", type: VERBS.teardown, afterwards: "teardown" },
};

async function deskWith(front: Front, from: Verb): Promise<Desk> {
  return deskAt((await stages()).begins[from], { oversleep: OVERSLEEP, front: (sandbox) => front.before(sandbox) });
}

const OVERSLEEP = 20;

/** More than one of anything for one node, or more spares than are kept. */
function doubles({ world }: Moment): string[] {
  const counts = new Map<string, number>();
  for (const { kind, tags, spare } of standing(world, REGION)) {
    const name = `${kind} of ${tags["bootstrap:node"]}${spare ? ", spare" : ""}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].filter(([, count]) => count > 1).map(([name, count]) => `${count} times ${name}`);
}

/** Types it into the twisted cloud; a stack trace ends the test. Then the answers are as always, and it is typed to its end. */
async function endure(twist: Twist, { from, type, afterwards }: Situation) {
  const front = new Front();
  const desk = await deskWith(front, from);
  front.twist = twist;
  const work = type(desk.site);
  const { failures } = await outcomeOf(work);
  expect(doubles(desk.freeze())).toEqual([]);
  const ran: Ran | Awaited<ReturnType<Site["teardown"]>> | undefined = await work.catch(() => undefined);
  front.twist = undefined;
  await arrive(desk, afterwards);
  return { failures, plan: ran && "plan" in ran ? ran.plan : undefined };
}

describe.each(Object.entries(SITUATIONS))("%s, told of", (name, situation) => {
  it.each(Object.entries(STATES))(
    "%s in a state that nobody knows, makes no second one, and goes on later",
    async (_kind, field) => {
      const { plan, failures } = await endure(wordIs(field, "OPTIMIZING"), situation);
      if (!field.lasts || situation.from !== "teardown" || situation.afterwards === "teardown") return;
      expect(plan?.idle).toBe(false);
      const said = plan!.nodes.map(({ reason, detail }) => `${reason} ${detail}`).join("\n");
      expect(said).toMatch(/OPTIMIZING, a state that this bootstrap does not know/);
      if (name === "up again") expect(failures[0]?.message).toMatch(/is still OPTIMIZING.* after \d+ min/);
    },
  );

  it("all of them in no state, makes no second one, and goes on later", async () => {
    const twists = Object.values(STATES).map((field) => wordIs(field, undefined));
    const { plan } = await endure(
      { answer: (operation, body) => twists.reduce((said, one) => one.answer(operation, said), body) },
      situation,
    );
    if (situation.from === "teardown" && situation.afterwards === "up") expect(plan?.idle).toBe(false);
  });
});

describe.each(Object.entries(HARMLESS))("a cloud that %s", (_what, twist) => {
  it.each(Object.entries(SITUATIONS))("changes nothing for %s", async (name, situation) => {
    const { failures, plan } = await endure(twist, situation);
    expect(failures.map(({ message }) => message)).toEqual([]);
    if (name !== "up" && situation.afterwards === "up") expect(plan?.idle).toBe(true);
  });
});

describe.each(Object.entries(HALF_SHOWN))("a cloud that shows things at first %s", (_what, twist) => {
  it.each(Object.entries(SITUATIONS))("is not given a second one by %s", async (_name, situation) => {
    await endure(forAWhile(twist), situation);
  });
});

it("ends where a straight run ends", async () => {
  const { begins, ends } = await stages();
  expect(differences(begins.teardown, ends.up, REGION)).toEqual([]);
});
