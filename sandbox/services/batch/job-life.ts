import type { EvaluateOnExit } from "@aws-sdk/client-batch";
import { MINUTE_MS, NEVER } from "../../lifecycle.ts";
import type { Call } from "../../service.ts";
import { endpointOf, reaches, reachesInternet } from "../ec2/reach.ts";
import { ec2Slice, type Instance } from "../ec2/slice.ts";
import { findImage, parseReference } from "../ecr.ts";
import { findInstanceProfile, findRole, roleAllows } from "../iam.ts";
import { awaitedBy, jobIndex } from "./job-index.ts";
import { jobLogTrouble, writeJobLog } from "./job-log.ts";
import { containerInstanceArn, endNodes, newTaskArn } from "./nodes.ts";
import { jobsOn } from "./placement.ts";
import { failureAtEnd, failureAtStart } from "./program.ts";
import {
  type Attempt,
  askedOf,
  batchState,
  type EnvironmentState,
  type Failure,
  type JobState,
  jobsOf,
  type Node,
} from "./state.ts";

const EXITED = "Essential container in task exited";

/** The job's next step, as of now. */
export function advanceJob(call: Call, job: JobState): void {
  job.nextAt = undefined;
  if (job.endingFor !== undefined) {
    finishAttempt(call, job, { statusReason: job.endingFor, exitCode: 137 }, false);
    return;
  }
  switch (job.status) {
    case "SUBMITTED":
      job.status = "PENDING";
      return;
    case "RUNNABLE":
      start(call, job);
      return;
    case "STARTING":
      run(call, job);
      return;
    case "RUNNING":
      end(call, job);
  }
}

/** Lets jobs that wait for others go on, or fail with them. */
export function settleDependencies(call: Call): void {
  const jobs = jobsOf(call);
  // One that fails with another may be waited for itself.
  for (let ids = jobIndex(call).takeReleased(); ids.length > 0; ids = jobIndex(call).takeReleased()) {
    for (const id of ids) {
      const job = jobs.look(id);
      if (job?.status !== "PENDING" || job.nextAt !== undefined) continue;
      if (job.arraySize !== undefined) settleParent(call, job);
      else if (jobs.look(job.parentId ?? "")?.status !== "SUBMITTED") settleWaiting(call, job);
    }
  }
}

function settleWaiting(call: Call, job: Readonly<JobState>): void {
  const jobs = jobsOf(call);
  const awaited = awaitedBy(call, job).map((id) => jobs.look(id));
  if (awaited.some((each) => each?.status === "FAILED")) failWaiting(call, jobs.get(job.id)!, "Dependent Job failed");
  else if (awaited.every((each) => each === undefined || each.status === "SUCCEEDED")) makeRunnable(jobs.get(job.id)!);
}

/** A job that has not started is over at once. */
export function failWaiting(call: Call, job: JobState, reason: string): void {
  job.status = "FAILED";
  job.statusReason = reason;
  job.stoppedAt = call.now;
  job.nextAt = undefined;
  job.blockedSince = undefined;
  job.node = undefined;
}

/** Tells a job that runs to end: SIGTERM, and up to 30 seconds later SIGKILL. */
export function endNow(call: Call, job: JobState, reason: string): void {
  job.endingFor = reason;
  job.nextAt = Math.min(job.nextAt ?? NEVER, call.now + call.between(2_000, 30_000));
}

/** What becomes of a job whose instance is gone. */
export function loseHost(call: Call, job: JobState): void {
  const instanceId = job.node?.instanceId;
  if (job.status === "RUNNABLE") {
    job.node = undefined;
    job.nextAt = undefined;
    return;
  }
  finishAttempt(call, job, { statusReason: `Host EC2 (instance ${instanceId}) terminated.` }, true);
}

function makeRunnable(job: JobState): void {
  job.status = "RUNNABLE";
  job.statusReason = undefined;
  job.node = undefined;
  job.nextAt = undefined;
}

function settleParent(call: Call, { id, arraySize = 0 }: Readonly<JobState>): void {
  const { SUCCEEDED, FAILED } = jobIndex(call).childrenOf(id);
  if (SUCCEEDED + FAILED < arraySize) return;
  const job = jobsOf(call).get(id)!;
  job.status = FAILED > 0 ? "FAILED" : "SUCCEEDED";
  if (FAILED > 0) job.statusReason = "Array Child Job failed";
  job.stoppedAt = call.now;
}

function start(call: Call, job: JobState): void {
  const { environment, node } = placeOf(call, job);
  if (environment === undefined || node === undefined) {
    makeRunnable(job);
    return;
  }
  job.status = "STARTING";
  job.statusReason = undefined;
  job.taskArn = newTaskArn(call, environment);
  job.logStreamName = undefined;
  const cached = node.images.includes(job.image);
  job.nextAt = call.now + (cached ? call.between(2_000, 6_000) : call.between(30_000, 80_000));
}

function run(call: Call, job: JobState): void {
  const { environment, node } = placeOf(call, job);
  const role = findInstanceProfile(call, environment?.resources?.instanceRole ?? "")?.roleName;
  const host = ec2Slice(call).instances[node?.instanceId ?? ""];
  const trouble =
    wayTrouble(call, job, host) ??
    pullTrouble(call, job, role) ??
    roleTrouble(call, job) ??
    jobLogTrouble(call, job, role, host);
  if (trouble !== undefined) {
    const statusReason = trouble.startsWith("CannotPull") ? trouble : "Task failed to start";
    finishAttempt(call, job, { statusReason, reason: trouble }, true);
    return;
  }
  if (node !== undefined && !node.images.includes(job.image)) node.images.push(job.image);
  const name = job.definitionArn.replace(/^.*job-definition\//, "").replace(/:\d+$/, "");
  job.status = "RUNNING";
  job.startedAt = call.now;
  job.logStreamName = `${name.slice(0, 200)}/default/${job.taskArn!.split("/").at(-1)}`;
  job.failure = failureAtStart(call, job, host);
  const ms = job.failure === undefined || job.fate !== undefined ? runMs(call, job) : call.between(2_000, 9_000);
  job.nextAt = call.now + Math.min(ms, timeoutMs(call, job));
  writeJobLog(call, job, [`+ ${job.command.join(" ")}`]);
}

function end(call: Call, job: JobState): void {
  const startedAt = job.startedAt ?? call.now;
  if (call.now - startedAt >= timeoutMs(call, job)) {
    finishAttempt(call, job, { statusReason: "Job attempt duration exceeded timeout", exitCode: 137 }, false);
    return;
  }
  const fate = job.fate?.kind;
  if (fate === "reclaim" && job.attempts.length === 0) {
    const { environment, node } = placeOf(call, job);
    if (environment === undefined || node === undefined) return;
    for (const each of jobsOn(call, node)) loseHost(call, each);
    endNodes(call, environment, [node]);
    return;
  }
  if (fate === "oom") {
    const reason = "OutOfMemoryError: Container killed due to memory usage";
    finishAttempt(call, job, { statusReason: EXITED, exitCode: 137, reason }, true);
    return;
  }
  const { exitCode, words } = ending(call, job);
  writeJobLog(call, job, [words]);
  finishAttempt(call, job, { statusReason: EXITED, exitCode }, true);
}

/** What a scripted fate says, else what the program makes of its words and rights. */
function ending(call: Call, job: JobState): Failure {
  if (job.fate?.kind === "fail") return { exitCode: 1, words: job.fate.reason ?? "Error: exit status 1" };
  const host = ec2Slice(call).instances[job.node?.instanceId ?? ""];
  const failure = job.failure ?? failureAtEnd(call, job, host);
  if (failure !== undefined) return failure;
  if (job.command[0] === "false") return { exitCode: 1, words: "Error: exit status 1" };
  return { exitCode: 0, words: lastWords(job) };
}

function finishAttempt(
  call: Call,
  job: JobState,
  outcome: Pick<Attempt, "statusReason" | "exitCode" | "reason">,
  mayRetry: boolean,
): void {
  const { environment } = placeOf(call, job);
  job.attempts.push({
    startedAt: job.startedAt,
    stoppedAt: call.now,
    ...outcome,
    ...(environment &&
      job.node && { containerInstanceArn: containerInstanceArn(call, environment, job.node.instanceId) }),
    taskArn: job.taskArn,
    logStreamName: job.logStreamName,
  });
  if (outcome.exitCode !== 0 && mayRetry && retries(call, job, outcome)) {
    makeRunnable(job);
    job.startedAt = undefined;
    job.taskArn = undefined;
    job.logStreamName = undefined;
    return;
  }
  job.status = outcome.exitCode === 0 && mayRetry ? "SUCCEEDED" : "FAILED";
  job.statusReason = outcome.statusReason;
  job.stoppedAt = call.now;
  job.nextAt = undefined;
  job.endingFor = undefined;
}

function retries(call: Call, job: JobState, outcome: Pick<Attempt, "statusReason" | "exitCode" | "reason">): boolean {
  const { body } = batchState(call).definitions[job.definitionArn] ?? {};
  const { attempts = 1, evaluateOnExit = [] } = askedOf(call, job).retryStrategy ?? body?.retryStrategy ?? {};
  if (job.attempts.length >= attempts) return false;
  const rule = evaluateOnExit.find((each) => ruleFits(each, outcome));
  return rule === undefined || rule.action?.toUpperCase() === "RETRY";
}

function ruleFits(
  { onStatusReason, onReason, onExitCode }: EvaluateOnExit,
  { statusReason, reason = "", exitCode }: Pick<Attempt, "statusReason" | "exitCode" | "reason">,
): boolean {
  const fits = (pattern: string | undefined, value: string) =>
    pattern === undefined || (pattern.endsWith("*") ? value.startsWith(pattern.slice(0, -1)) : value === pattern);
  return fits(onStatusReason, statusReason) && fits(onReason, reason) && fits(onExitCode, exitCode?.toString() ?? "");
}

function placeOf(
  call: Call,
  { node }: JobState,
): { environment?: EnvironmentState | undefined; node?: Node | undefined } {
  const environment = batchState(call).environments[node?.environment ?? ""];
  return { environment, node: environment?.nodes.find(({ instanceId }) => instanceId === node?.instanceId) };
}

/** A lane of a run takes 67 minutes; a word with the shell takes seconds. */
function runMs(call: Call, { command, fate, attempts }: JobState): number {
  if (fate?.kind === "never") return NEVER - call.now;
  if (fate?.ms !== undefined && fate.kind !== "capacity" && attempts.length === 0) return fate.ms;
  if (command[0] === "sleep") return Math.max(1, Number.parseInt(command[1] ?? "1", 10) || 1) * 1000;
  if (
    /^(echo|true|false|ls|date|env|hostname|id|uname|df|mount)$/.test(command[0] ?? "") ||
    command.includes("--version")
  ) {
    return call.between(1_000, 4_000);
  }
  return call.between(65 * MINUTE_MS, 69 * MINUTE_MS);
}

function timeoutMs(call: Call, job: JobState): number {
  const { body } = batchState(call).definitions[job.definitionArn] ?? {};
  const seconds = askedOf(call, job).timeout?.attemptDurationSeconds ?? body?.timeout?.attemptDurationSeconds;
  return seconds === undefined ? NEVER - call.now : seconds * 1000;
}

/** What a registry out of reach is to a pull. */
function wayTrouble(call: Call, { image }: JobState, host: Instance | undefined): string | undefined {
  if (host === undefined) return undefined;
  const waited =
    "net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)";
  if (parseReference(image) === undefined) {
    if (reachesInternet(call, host)) return undefined;
    return `CannotPullContainerError: Error response from daemon: Get "https://${registryOf(image)}/v2/": ${waited}`;
  }
  if (!reaches(call, host, ["ecr.api"])) {
    const asked = `Post "${endpointOf(call, "api.ecr")}"`;
    return `CannotPullECRContainerError: RequestError: send request failed caused by: ${asked}: ${waited}`;
  }
  // The layers themselves are in S3.
  if (reaches(call, host, ["ecr.dkr", "s3"])) return undefined;
  return `CannotPullContainerError: Error response from daemon: Get "https://${image.split("/")[0]}/v2/": ${waited}`;
}

function registryOf(image: string): string {
  const [first = ""] = image.split("/");
  return /[.:]/.test(first) ? first : "registry-1.docker.io";
}

/** Images outside ECR are taken to be there. */
function pullTrouble(call: Call, { image }: JobState, role: string | undefined): string | undefined {
  const reference = parseReference(image);
  if (reference === undefined) return undefined;
  const { account, region, repository, tagOrDigest } = reference;
  const there = call.in(region);
  const arn = `arn:${there.partition}:ecr:${region}:${account}:repository/${repository}`;
  const failed = (words: string) =>
    `CannotPullContainerError: Error response from daemon: pull access for ${image} failed: ${words}`;
  if (!roleAllows(call, role, "ecr:GetAuthorizationToken", "*")) return failed("no basic auth credentials");
  if (!roleAllows(call, role, "ecr:BatchGetImage", arn)) {
    return failed(`denied: not authorized to perform: ecr:BatchGetImage on resource: ${arn}`);
  }
  if (account === call.account && findImage(there, repository, tagOrDigest) !== undefined) return undefined;
  return (
    `CannotPullContainerError: Error response from daemon: manifest for ${image} not found: manifest unknown: ` +
    "Requested image not found"
  );
}

function roleTrouble(call: Call, { definitionArn }: JobState): string | undefined {
  const { body } = batchState(call).definitions[definitionArn] ?? {};
  const arn = body?.containerProperties?.jobRoleArn;
  if (arn === undefined) return undefined;
  const role = findRole(call, arn);
  if (role?.trustedServices.includes("ecs-tasks.amazonaws.com")) return undefined;
  return (
    `ECS was unable to assume the role '${arn}' that was provided for this task. Please verify that the role being ` +
    "passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role."
  );
}

function lastWords({ command }: JobState): string {
  if (command[0] === "echo") return command.slice(1).join(" ");
  return command.join(" ").includes("bcl2fastq") || command.join(" ").includes("split.py")
    ? "Processing completed with 0 errors and 0 warnings."
    : "done";
}
