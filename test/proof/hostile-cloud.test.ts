import { DescribeJobDefinitionsCommand } from "@aws-sdk/client-batch";
import { ListCommandsCommand } from "@aws-sdk/client-ssm";
import { describe, expect, it } from "vitest";
import type { Fault } from "../../sandbox/faults.ts";
import { ManifestError } from "../../src/engine/manifest/manifest.ts";
import { OVERSLEEP, outcomeOf, REGION } from "./commands.ts";
import { type Desk, deskAt, type Moment } from "./desk.ts";
import { arrive, deskFor, stages, VERBS, type Verb } from "./verbs.ts";
import { differences, standing } from "./world.ts";

const READS = ["Describe*", "Get*", "List*"];
const WRITES = [
  ...["Create*", "Run*", "Register*", "Send*", "Put*", "Attach*", "Add*", "Authorize*", "Tag*"],
  ...["Modify*", "Update*", "Delete*", "Deregister*", "Terminate*", "Remove*", "Detach*", "Revoke*"],
];
const SERVICES = ["batch", "ec2", "ecr", "fsx", "iam", "logs", "ssm", "sts"];

type Blow = Pick<Extract<Fault, { readonly error: unknown }>, "error" | "probability">;
const each = (operations: readonly string[], blow: Blow): Fault[] =>
  operations.map((operation) => ({ operation, ...blow }));

/** Each service has its own word for it. */
function worded(words: Readonly<Record<string, string>>, status: number, probability = 1): Fault[] {
  return SERVICES.map((service) => ({
    ...{ service, probability },
    error: { code: words[service] ?? words.other!, message: "scripted", status },
  }));
}

const throttled = worded(
  ...[
    { ec2: "RequestLimitExceeded", batch: "TooManyRequestsException", iam: "Throttling", other: "ThrottlingException" },
  ],
  ...([429, 0.3] as const),
);
const expired = worded(
  { ec2: "RequestExpired", iam: "ExpiredToken", sts: "ExpiredToken", other: "ExpiredTokenException" },
  400,
);

const ENDURED: Readonly<Record<string, readonly Fault[]>> = {
  "throttles a third of all calls": throttled,
  "fails a fifth of all reads": each(READS, { probability: 0.2, error: { code: "InternalError", status: 500 } }),
  "fails a fifth of all writes, and does nothing": each(WRITES, {
    ...{ probability: 0.2, error: { code: "ServiceUnavailable", status: 503 } },
  }),
  "fails a fifth of all writes, and does them": each(WRITES, {
    ...{ probability: 0.2, error: { code: "InternalError", status: 500, done: true } },
  }),
  "breaks a fifth of all connections before anything is done": [{ probability: 0.2, reset: "before" }],
  "breaks a fifth of all connections when all is done": [{ probability: 0.2, reset: "after" }],
  "takes 20 s for a third of all answers": [{ probability: 0.3, slowMs: 20_000 }],
  "shows what was made a minute later": [{ unseenMs: 60_000 }],
};

/** The world's dice fall otherwise. */
function reseeded(moment: Moment, seed: number): Moment {
  return { ...moment, world: JSON.stringify({ ...(JSON.parse(moment.world) as object), seed }) };
}

describe.each(["up", "bake-ami", "teardown"] as const)("%s gets there in a cloud that", (verb) => {
  it.each(Object.entries(ENDURED))("%s", async (name, faults) => {
    for (const seed of name.startsWith("throttles") ? [1, 2, 3] : [1]) {
      const desk = deskAt(reseeded((await stages()).begins[verb], seed), { oversleep: 6 });
      desk.site.lab.faults.push(...faults);
      await arrive(desk, verb);
    }
  });
});

const first = (count: number) => Array.from({ length: count }, (_, at) => at + 1);
const refusedFirst = (operation: string, count: number, code: string, message: string): Fault => ({
  ...{ operation, nth: first(count), error: { code, message } },
});
const mayNotPass = (user: string) => `User: ${user} is not authorized to perform: iam:PassRole on resource: the role`;

const PATIENCE: Readonly<Record<string, readonly Fault[]>> = {
  "has no capacity at the first asking": [{ operation: "RunInstances", nth: 1, fate: { kind: "capacity" } }],
  "does not know a new instance profile for a while": [
    refusedFirst(
      "RunInstances",
      12,
      "InvalidParameterValue",
      "Value (x) is invalid. Invalid IAM Instance Profile name",
    ),
    refusedFirst(
      "CreateComputeEnvironment",
      3,
      "ClientException",
      "instanceProfile demux-us-east-1-node-profile not found",
    ),
  ],
  "lets nobody pass on a new role for a while": [
    refusedFirst("RunInstances", 4, "UnauthorizedOperation", mayNotPass("us")),
    refusedFirst("RegisterJobDefinition", 3, "AccessDeniedException", mayNotPass("us")),
  ],
  "finds a new compute environment invalid at first": [
    {
      operation: "CreateComputeEnvironment",
      fate: { kind: "fail", reason: "CLIENT_ERROR - not authorized: sts:AssumeRole" },
    },
  ],
  "does not see new rules for a while": [
    refusedFirst(
      "CreateFileSystem",
      5,
      "InvalidNetworkSettings",
      "do not permit Lustre LNET network traffic on port 988",
    ),
  ],
  "loses sight of an instance that was online": [
    refusedFirst("SendCommand", 4, "InvalidInstanceId", "not in a valid state"),
  ],
};

it.each(Object.entries(PATIENCE))("up waits for a cloud that %s", async (_name, faults) => {
  const desk = await deskFor("up");
  desk.site.lab.faults.push(...faults);
  await arrive(desk, "up");
});

it.each(["before", "after"] as const)(
  "up whose connection breaks %s what AWS would carry out twice is done asks again in the same run, and each is carried out once",
  async (reset) => {
    const desk = await deskFor("up");
    desk.site.lab.faults.push(
      { operation: "SendCommand", nth: first(2), reset },
      { operation: "RegisterJobDefinition", nth: 1, reset },
    );
    await arrive(desk, "up");
    const { cloud } = desk.site.lab;
    const { Commands } = await cloud.ssm.send(new ListCommandsCommand({}));
    const { jobDefinitions } = await cloud.batch.send(new DescribeJobDefinitionsCommand({}));
    expect([Commands!.length, jobDefinitions!.length]).toEqual([2, 1]);
  },
);

interface Refusal {
  readonly verb: Verb;
  /** Of an `up`: it begins where another config stands. */
  readonly changeTo?: string;
  readonly faults: readonly Fault[];
  /** The nodes that fail, each with these words of AWS's, and what to do next. */
  readonly fails: readonly string[];
  readonly words: RegExp;
  readonly hint: RegExp;
  /** The nodes that wait for the next run; all others are brought up. */
  readonly holdsUp: readonly string[];
}

const again = /run the same command again/;
const BATCH = ["compute-environment", "job-queue"];
const AFTER_AMI = [...BATCH, "launch-template"];
const AFTER_BUILDERS = ["ami", ...AFTER_AMI, "container-image", "image-build", "job-definition", "provision"].sort();
const doomed = (operation: string, reason: string): Fault => ({ operation, fate: { kind: "fail", reason } });

const REFUSED: Readonly<Record<string, Refusal>> = {
  "has no capacity for a builder": {
    ...{ verb: "up", fails: ["builder", "image-builder"], holdsUp: AFTER_BUILDERS },
    faults: [{ operation: "RunInstances", fate: { kind: "capacity" } }],
    words: /InsufficientInstanceCapacity: We currently do not have sufficient m5.large capacity/,
    hint: /other types or another zone/,
  },
  "allows no more vCPUs": {
    ...{ verb: "bake-ami", fails: ["builder"], holdsUp: ["ami", ...AFTER_AMI, "provision"].sort() },
    faults: [
      {
        operation: "RunInstances",
        error: { code: "VcpuLimitExceeded", message: "your vCPU limit of 5 allows no more" },
      },
    ],
    words: /VcpuLimitExceeded: your vCPU limit of 5/,
    hint: /higher quota/,
  },
  "ends a builder at its start": {
    ...{ verb: "bake-ami", fails: ["builder"], holdsUp: ["ami", ...AFTER_AMI, "provision"].sort() },
    faults: [doomed("RunInstances", "Client.VolumeLimitExceeded: Volume limit exceeded")],
    words: /i-[0-9a-f]+ failed: Client.VolumeLimitExceeded: Volume limit exceeded/,
    hint: again,
  },
  "never hears from the agents on the builders": {
    ...{ verb: "up", fails: ["builder", "image-builder"], holdsUp: AFTER_BUILDERS },
    faults: [{ operation: "DescribeInstanceInformation", fate: { kind: "never" } }],
    words: /i-[0-9a-f]+ is still running, waiting for the SSM agent after 40 min/,
    hint: again,
  },
  "fails the file system": {
    ...{ verb: "up", fails: ["filesystem"], holdsUp: AFTER_AMI },
    faults: [doomed("CreateFileSystem", "insufficient capacity in the Availability Zone")],
    words: /fs-[0-9a-f]+ failed: insufficient capacity in the Availability Zone/,
    hint: again,
  },
  "fails the machine image": {
    ...{ verb: "up", fails: ["ami"], holdsUp: AFTER_AMI },
    faults: [doomed("CreateImage", "Client.InvalidSnapshot: the snapshot is damaged")],
    words: /ami-[0-9a-f]+ failed: Client.InvalidSnapshot: the snapshot is damaged/,
    hint: again,
  },
  "fails the machine image of a bake": {
    ...{ verb: "bake-ami", fails: ["ami"], holdsUp: AFTER_AMI },
    faults: [doomed("CreateImage", "Client.InvalidSnapshot: the snapshot is damaged")],
    words: /ami-[0-9a-f]+ failed: Client.InvalidSnapshot: the snapshot is damaged/,
    hint: again,
  },
  "fails the script on the builder": {
    ...{ verb: "bake-ami", fails: ["provision"], holdsUp: ["ami", ...AFTER_AMI].sort() },
    faults: [doomed("SendCommand", "Error: Unable to find a match: lustre-client\nexit status 3")],
    words: /exit code 3: .*Unable to find a match: lustre-client/s,
    hint: again,
  },
  "refuses the push of the container image": {
    ...{ verb: "up", changeTo: "container: { args: { BCL2FASTQ_CHANNEL: other } }" },
    ...{ fails: ["image-build"], holdsUp: ["container-image", "job-definition"] },
    faults: [doomed("SendCommand", "denied: not authorized to perform: ecr:InitiateLayerUpload")],
    words: /denied: not authorized to perform: ecr:InitiateLayerUpload/,
    hint: again,
  },
  "finds the compute environment invalid, whatever is tried": {
    ...{ verb: "up", fails: ["compute-environment"], holdsUp: ["job-queue"] },
    faults: ["Create", "Update"].map((word) => doomed(`${word}ComputeEnvironment`, "CLIENT_ERROR - sts:AssumeRole")),
    words: /demux failed: CLIENT_ERROR - sts:AssumeRole/,
    hint: again,
  },
  "refuses a permission": {
    ...{ verb: "up", fails: ["repository"], holdsUp: ["container-image", "job-definition"] },
    faults: [
      {
        operation: "CreateRepository",
        error: { code: "AccessDeniedException", message: "not authorized: ecr:CreateRepository" },
      },
    ],
    words: /AccessDeniedException: not authorized: ecr:CreateRepository/,
    hint: /ask for the permission/,
  },
};

describe("a cloud that", () => {
  it.each(Object.entries(REFUSED))("%s is quoted, holds up nothing else, and is gone on with", async (_name, given) => {
    const { verb, changeTo, faults, fails, words, hint, holdsUp } = given;
    const desk = await deskFor(changeTo === undefined ? verb : "teardown");
    desk.site.lab.faults.push(...faults);
    const outcome = await outcomeOf(VERBS[verb](desk.site, changeTo));
    const nodesOf = (type: "failed" | "blocked" | "finished") =>
      outcome.events.flatMap((event) => (event.type === type ? [event.node] : [])).sort();
    expect(nodesOf("failed")).toEqual(fails);
    expect(nodesOf("blocked")).toEqual(holdsUp);
    for (const failure of outcome.failures) {
      expect(failure.message).toMatch(words);
      expect(failure.hint).toMatch(hint);
    }
    const running = standing(desk.freeze().world, REGION).filter(({ kind }) => kind === "instance");
    expect(running).toEqual([]);

    desk.site.lab.faults.length = 0;
    await arrive(desk, verb, changeTo);
    await arrive(desk, "teardown");
  });
});

/** What lives, and costs, without a record of it: the next run might make a second one. */
function withoutRecord({ world, manifest }: Moment): readonly string[] {
  const { steps } = JSON.parse(manifest ?? '{"steps":{}}') as { readonly steps: Readonly<Record<string, unknown>> };
  return standing(world, REGION)
    .filter(({ spare, tags }) => !spare && steps[tags["bootstrap:node"] ?? "nobody"] === undefined)
    .map(({ kind, ref }) => `${kind} ${ref}`);
}

describe("credentials that run out", () => {
  it.each([
    ...[4, 12, 25, 40].map((at) => ["up", at] as const),
    ...[3, 8].map((at) => ["bake-ami", at] as const),
    ...[2, 9].map((at) => ["teardown", at] as const),
  ])("in %s, after %i writes of the manifest, are named, and fresh ones go on", async (verb, at) => {
    let writes = 0;
    const desk: Desk = await deskFor(verb, {
      onWrite: (stage) => {
        if (stage === "after" && ++writes === at) desk.site.lab.faults.push(...expired);
      },
    });
    const { failures } = await outcomeOf(VERBS[verb](desk.site));
    expect(failures.length).toBeGreaterThan(0);
    for (const { message, hint } of failures) {
      expect(message).toMatch(/ExpiredToken|RequestExpired/);
      expect(hint).toMatch(/log in again, then run the same command/);
    }
    expect(withoutRecord(desk.freeze())).toEqual([]);
    desk.site.lab.faults.length = 0;
    await arrive(desk, verb);
  });
});

/** For `up` a container image of somebody else's: half as many nodes, and all that differs in kind. */
const DISK = [
  ["up", "container: { image: registry.example.com/demux:1 }"],
  ["bake-ami", ""],
  ["teardown", ""],
] as const;

it.each(DISK)(
  "a manifest of %s that cannot be written, once or from there on, at any of its writes, is named; nothing is made without a record, and the next run goes on",
  async (verb, yaml) => {
    let writes = 0;
    const counting = await deskFor(verb, {
      oversleep: OVERSLEEP,
      onWrite: (stage) => {
        if (stage === "before") writes += 1;
      },
    });
    expect(await outcomeOf(VERBS[verb](counting.site, yaml))).toMatchObject({ failures: [], left: [] });
    const should = standing(counting.freeze().world, REGION);

    for (const nth of first(writes)) {
      const once = nth % 2 === 0;
      const trouble = once ? "EROFS: read-only file system" : "ENOSPC: no space left on device";
      let count = 0;
      let mended = false;
      const desk = await deskFor(verb, {
        oversleep: OVERSLEEP,
        onWrite: (stage) => {
          if (stage === "before") count += 1;
          if (stage === "before" && !mended && (once ? count === nth : count >= nth))
            throw new ManifestError("demux.json", new Error(trouble));
        },
      });
      const { failures } = await outcomeOf(VERBS[verb](desk.site, yaml));
      const left = desk.freeze();
      // A record of the last thing that went is of no consequence: nothing is left, and no manifest either.
      const isOver = verb === "teardown" && left.manifest === undefined;
      if (isOver) expect([failures, standing(left.world, REGION)]).toEqual([[], should]);
      else expect(failures.map(({ message }) => message).join()).toContain(`writing demux.json: ${trouble}`);
      expect(withoutRecord(left)).toEqual([]);
      mended = true;
      expect(await outcomeOf(VERBS[verb](desk.site, yaml))).toMatchObject({ failures: [], left: [] });
      expect([nth, ...differences(desk.freeze(), should, REGION)]).toEqual([nth]);
    }
  },
);
