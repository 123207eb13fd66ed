import { type Call, Refusal } from "../../service.ts";
import { reaches } from "../ec2/reach.ts";
import { ec2Slice } from "../ec2/slice.ts";
import { findImage, parseReference, pushImage, repositoryExists } from "../ecr.ts";
import { roleAllows } from "../iam.ts";
import { makeGroup, writeLines } from "../logs.ts";
import { roleNameOf } from "./agents.ts";
import { type CommandState, type InvocationState, isOver, ssmState } from "./state.ts";

/** Starts and ends what is due, and lets output appear in CloudWatch Logs as it is printed. */
export function settleCommands(call: Call): void {
  for (const command of Object.values(ssmState(call).commands)) {
    for (const invocation of command.invocations) {
      if (!isOver(invocation)) settleInvocation(call, command, invocation);
    }
  }
}

function settleInvocation(call: Call, command: CommandState, invocation: InvocationState): void {
  const { now } = call;
  const timesOutAt = invocation.startsAt + command.executionTimeoutSeconds * 1000;
  const lost = isLost(call, invocation);
  if (invocation.status === "Pending" && now >= invocation.startsAt) setStatus(invocation, "InProgress");
  // Nobody reports for an instance that is gone: it is known only when the time is over.
  const endsAt = lost ? timesOutAt : Math.min(invocation.endsAt, timesOutAt);
  if (invocation.status !== "Pending" && !lost) log(call, command, invocation, now);
  if (invocation.status !== "Pending" && lost) flush(call, command, invocation);
  if (now < endsAt) return;
  invocation.endedAt = endsAt;
  if (invocation.status === "Cancelling") {
    invocation.exitCode = -1;
    setStatus(invocation, "Cancelled");
    return;
  }
  if (lost || timesOutAt < invocation.endsAt) {
    invocation.exitCode = -1;
    setStatus(invocation, "TimedOut", "Execution Timed Out");
    return;
  }
  if (invocation.exitCode === 0) push(call, command, invocation);
  setStatus(invocation, invocation.exitCode === 0 ? "Success" : "Failed");
  log(call, command, invocation, endsAt);
}

function setStatus(invocation: InvocationState, status: InvocationState["status"], details: string = status): void {
  invocation.status = status;
  invocation.details = details;
}

/**
 * Whether its instance stopped running under the command: what had come due by then was done before the request that
 * stopped the instance.
 */
function isLost(call: Call, { instanceId }: InvocationState): boolean {
  const state = ec2Slice(call).instances[instanceId]?.state;
  return state !== "running" && state !== "pending";
}

/** Pushes what the script names, or makes the command fail in docker's words. */
function push(call: Call, { pushes, asksRegistry }: CommandState, invocation: InvocationState): void {
  const instance = ec2Slice(call).instances[invocation.instanceId];
  const role = instance && roleNameOf(call, instance);
  for (const { image, digest, manifest } of pushes) {
    const { account, region, repository, tagOrDigest: tag } = parseReference(image)!;
    const there = call.in(region);
    const arn = `arn:${there.partition}:ecr:${region}:${account}:repository/${repository}`;
    const denied = deniedAction(there, role, arn);
    const trouble =
      denied !== undefined
        ? deniedWords(call, role, invocation.instanceId, denied, arn)
        : account !== call.account || !repositoryExists(there, repository)
          ? `name unknown: The repository with name '${repository}' does not exist in the registry with id '${account}'`
          : pushTrouble(there, repository, tag, digest, manifest, asksRegistry);
    if (trouble === undefined) continue;
    const pushing = invocation.stdout.findIndex((line) => line.startsWith("The push refers to repository"));
    if (pushing >= 0) invocation.stdout = invocation.stdout.slice(0, pushing + 1);
    invocation.exitCode = 1;
    invocation.stderr.push(trouble);
    return;
  }
}

const PUSH_ACTIONS = [
  "ecr:BatchCheckLayerAvailability",
  "ecr:InitiateLayerUpload",
  "ecr:UploadLayerPart",
  "ecr:CompleteLayerUpload",
  "ecr:PutImage",
];

function deniedAction(call: Call, role: string | undefined, arn: string): string | undefined {
  if (!roleAllows(call, role, "ecr:GetAuthorizationToken", "*")) return "ecr:GetAuthorizationToken";
  return PUSH_ACTIONS.find((action) => !roleAllows(call, role, action, arn));
}

function deniedWords(call: Call, role = "none", instanceId: string, action: string, arn: string): string {
  const user = `arn:${call.partition}:sts::${call.account}:assumed-role/${role}/${instanceId}`;
  if (action === "ecr:GetAuthorizationToken") {
    return (
      "An error occurred (AccessDeniedException) when calling the GetAuthorizationToken operation: " +
      `User: ${user} is not authorized to perform: ${action} on resource: * because no identity-based policy allows ` +
      `the ${action} action`
    );
  }
  return (
    `denied: User: ${user} is not authorized to perform: ${action} on resource: ${arn} because no identity-based ` +
    `policy allows the ${action} action`
  );
}

function pushTrouble(
  call: Call,
  repository: string,
  tag: string,
  digest: string,
  manifest: string,
  asksRegistry: boolean,
): string | undefined {
  if (asksRegistry && findImage(call, repository, tag) !== undefined) return undefined;
  try {
    pushImage(call, { repository, tag, digest, manifest });
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return `tag invalid: ${error.message}`;
    throw error;
  }
}

const FLUSHES_BEFORE_END_MS = 8_000;

/** An agent sends what it has while its machine shuts down, to a group that it makes again if that is gone. */
function flush(call: Call, command: CommandState, invocation: InvocationState): void {
  const instance = ec2Slice(call).instances[invocation.instanceId];
  if (instance === undefined || invocation.flushedAt !== undefined) return;
  const flushedAt = (instance.terminatedAt ?? instance.nextAt ?? call.now) - FLUSHES_BEFORE_END_MS;
  if (flushedAt > call.now) return;
  invocation.flushedAt = flushedAt;
  log({ ...call, now: flushedAt }, command, invocation, flushedAt, ["Terminated"]);
}

/** What was printed until now, in equal steps; nothing appears without the right to write it. */
function log(
  call: Call,
  command: CommandState,
  invocation: InvocationState,
  until: number,
  lastWords: readonly string[] = [],
): void {
  if (!command.logs?.CloudWatchOutputEnabled) return;
  const { startsAt, endsAt, stdout, stderr, instanceId } = invocation;
  const stepMs = Math.max(1, (Math.min(endsAt, startsAt + 180_000) - startsAt) / (stdout.length + 1));
  const timed = stdout.map((message, index) => ({ at: Math.round(startsAt + stepMs * (index + 1)), message }));
  const due = timed.slice(invocation.logged).filter(({ at }) => at <= until);
  const last = lastWords.map((message) => ({ at: until, message }));
  const errors = isOver(invocation) ? stderr.map((message) => ({ at: endsAt, message })) : last;
  if (due.length + errors.length === 0) return;
  const group = command.logs.CloudWatchLogGroupName || `/aws/ssm/${command.document}`;
  const stream = `${command.id}/${instanceId}/aws-runShellScript`;
  const written = mayLog(call, instanceId, group, `${stream}/stdout`);
  if (written && (invocation.logged === 0 || last.length > 0)) makeGroup(call, group);
  if (written && due.length > 0) writeLines(call, group, `${stream}/stdout`, due);
  if (written && errors.length > 0) writeLines(call, group, `${stream}/stderr`, errors);
  invocation.logged += due.length;
}

/** The agent first asks to make the group, whether or not it is there, and sends nothing where that is refused. */
function mayLog(call: Call, instanceId: string, group: string, stream: string): boolean {
  const instance = ec2Slice(call).instances[instanceId];
  if (instance?.state === "running" && !reaches(call, instance, ["logs"])) return false;
  const role = instance && roleNameOf(call, instance);
  const groupArn = `arn:${call.partition}:logs:${call.region}:${call.account}:log-group:${group}`;
  const streamArn = `${groupArn}:log-stream:${stream}`;
  const allowed = (action: string) => [groupArn, streamArn].some((arn) => roleAllows(call, role, action, arn));
  return (
    allowed("logs:CreateLogGroup") &&
    allowed("logs:CreateLogStream") &&
    roleAllows(call, role, "logs:PutLogEvents", streamArn)
  );
}
