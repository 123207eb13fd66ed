import type { Call } from "../../service.ts";
import { reaches } from "../ec2/reach.ts";
import type { Instance } from "../ec2/slice.ts";
import { findInstanceProfile, findRole, roleAllows } from "../iam.ts";
import { askedOf, batchState, type Failure, type JobState } from "./state.ts";

/** The command with its `Ref::name` filled in; what no parameter fills stays as it is. */
export function filledIn(command: readonly string[], parameters: Readonly<Record<string, string>>): string[] {
  return command.map((word) => word.replace(/Ref::([\w-]+)/g, (whole, name: string) => parameters[name] ?? whole));
}

/** What keeps a job's program from beginning: words it was not given, or a bucket it may not read. */
export function failureAtStart(call: Call, job: JobState, host: Instance | undefined): Failure | undefined {
  return wordsFailure(job.command) ?? bucketsFailure(call, job, host, "read");
}

/** What keeps it from handing over what it made. */
export function failureAtEnd(call: Call, job: JobState, host: Instance | undefined): Failure | undefined {
  return bucketsFailure(call, job, host, "write");
}

const RUN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const PRINTS = /^(echo|printf|true|false|sleep|sh|bash)$/;

function wordsFailure(command: readonly string[]): Failure | undefined {
  const at = command.findIndex((word) => word.endsWith("split.py"));
  const [verb = "", run] = command.slice(at + 1);
  if (at >= 0 && /^(split|rerun)$/.test(verb) && !RUN_NAME.test(run ?? "")) {
    return { exitCode: 2, words: `split.py ${verb}: error: argument run: '${run ?? ""}' is not the name of a run` };
  }
  const unfilled = command.find((word) => word.includes("Ref::"));
  if (unfilled === undefined || PRINTS.test(command[0] ?? "")) return undefined;
  const program = command[Math.max(at, 0)]!.split("/").at(-1);
  return { exitCode: 2, words: `${program}: error: invalid value: '${unfilled}'` };
}

type Way = "read" | "write";

function bucketsFailure(call: Call, job: JobState, host: Instance | undefined, way: Way): Failure | undefined {
  const buckets = addressesOf(call, job).flatMap((each) => (each.way === way ? [each] : []));
  if (buckets.length === 0) return undefined;
  const role = roleOf(call, job, host);
  if (role === undefined) {
    return {
      exitCode: 253,
      words: 'fatal error: Unable to locate credentials. You can configure credentials by running "aws configure".',
    };
  }
  for (const { address, bucket, key } of buckets) {
    if (host !== undefined && !reaches(call, host, ["s3"])) {
      const url = `https://${bucket}.s3.${call.region}.${call.dnsSuffix}/`;
      return { exitCode: 1, words: `fatal error: Could not connect to the endpoint URL: "${url}"` };
    }
    const arn = `arn:${call.partition}:s3:::${bucket}`;
    const object = `${arn}/${key === "" ? "object" : `${key}/object`}`;
    const refused = (action: string, resource: string) =>
      roleAllows(call, role, action, resource) ? undefined : deniedWords(call, job, role, action, resource);
    const words =
      way === "read"
        ? (refused("s3:ListBucket", arn) ?? refused("s3:GetObject", object))
        : refused("s3:PutObject", object);
    if (words === undefined) continue;
    const failed = way === "read" ? "fatal error" : `upload failed: ./object to ${address}`;
    return { exitCode: 1, words: `${failed}: ${words}` };
  }
  return undefined;
}

const OPERATIONS: Readonly<Record<string, string>> = {
  "s3:GetObject": "GetObject",
  "s3:ListBucket": "ListObjectsV2",
  "s3:PutObject": "PutObject",
};

function deniedWords(call: Call, job: JobState, role: string, action: string, resource: string): string {
  const session = `arn:${call.partition}:sts::${call.account}:assumed-role/${role}/${job.taskArn?.split("/").at(-1)}`;
  return (
    `An error occurred (AccessDenied) when calling the ${OPERATIONS[action]} operation: User: ${session} is not ` +
    `authorized to perform: ${action} on resource: "${resource}" because no identity-based policy allows the ` +
    `${action} action`
  );
}

/** The job's own role; without one the node's, where containers can reach that. */
function roleOf(call: Call, { definitionArn }: JobState, host: Instance | undefined): string | undefined {
  const arn = batchState(call).definitions[definitionArn]?.body.containerProperties?.jobRoleArn;
  if (arn !== undefined) return findRole(call, arn)?.name;
  if (host?.profileArn === undefined || host.metadata.hopLimit < 2) return undefined;
  return findInstanceProfile(call, host.profileArn)?.roleName;
}

interface Address {
  readonly address: string;
  readonly bucket: string;
  readonly key: string;
  readonly way: Way;
}

const WRITTEN = /dest|output|upload/i;

/** The S3 addresses in its command and environment: written to where the name before says so, else read. */
function addressesOf(call: Call, job: JobState): readonly Address[] {
  const { command } = job;
  const { environment = [] } = batchState(call).definitions[job.definitionArn]?.body.containerProperties ?? {};
  const overridden = askedOf(call, job).containerOverrides?.environment ?? [];
  const copies = command[0] === "aws" && command[1] === "s3";
  const inCommand = command.flatMap((word, index) => {
    const before = word.startsWith("--") ? word : (command[index - 1] ?? "");
    const isTarget = copies && index === command.length - 1 && /^(cp|mv|sync)$/.test(command[2] ?? "");
    return addressesIn(word, isTarget || (before.startsWith("--") && WRITTEN.test(before)) ? "write" : "read");
  });
  const byName = new Map([...environment, ...overridden].map(({ name = "", value = "" }) => [name, value]));
  const inEnvironment = [...byName].flatMap(([name, value]) =>
    addressesIn(value, WRITTEN.test(name) ? "write" : "read"),
  );
  return [...inCommand, ...inEnvironment];
}

function addressesIn(text: string, way: Way): readonly Address[] {
  return [...text.matchAll(/s3:\/\/([a-z0-9][a-z0-9.-]+[a-z0-9])\/?([^\s'"]*)/g)].map(([address, bucket, key]) => {
    return { address, bucket: bucket!, key: key!.replace(/\/$/, ""), way };
  });
}
