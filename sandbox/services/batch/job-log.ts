import type { Call } from "../../service.ts";
import { endpointOf, reaches } from "../ec2/reach.ts";
import type { Instance } from "../ec2/slice.ts";
import { roleAllows } from "../iam.ts";
import { groupExists, makeGroup, writeLines } from "../logs.ts";
import { batchState, type JobState } from "./state.ts";

const DEFAULT_GROUP = "/aws/batch/job";

/** Why a container's log cannot be opened, which keeps it from starting; undefined when it can. */
export function jobLogTrouble(
  call: Call,
  job: JobState,
  role: string | undefined,
  host: Instance | undefined,
): string | undefined {
  const { group, makes } = destination(call, job);
  if (group === undefined) return undefined;
  const arn = `arn:${call.partition}:logs:${call.region}:${call.account}:log-group:${group}`;
  const failed = (words: string) =>
    "CannotStartContainerError: Error response from daemon: failed to create task for container: failed to " +
    `initialize logging driver: failed to create Cloudwatch log stream: ${words}`;
  if (host !== undefined && !reaches(call, host, ["logs"])) {
    return failed(
      `RequestError: send request failed caused by: Post "${endpointOf(call, "logs")}": dial tcp: i/o timeout`,
    );
  }
  if (makes) makeGroup(call, group);
  if (!groupExists(call, group)) return failed("ResourceNotFoundException: The specified log group does not exist.");
  const allowed = [arn, `${arn}:log-stream:x`].some((each) => roleAllows(call, role, "logs:CreateLogStream", each));
  return allowed
    ? undefined
    : failed(`AccessDeniedException: not authorized to perform: logs:CreateLogStream on resource: ${arn}`);
}

export function writeJobLog(call: Call, job: JobState, messages: readonly string[]): void {
  const { group } = destination(call, job);
  if (group === undefined || job.logStreamName === undefined) return;
  writeLines(
    call,
    group,
    job.logStreamName,
    messages.map((message) => ({ at: call.now, message })),
  );
}

/** Batch makes its own group; another one must be there, or be asked for. */
function destination(call: Call, { definitionArn }: JobState) {
  const { body } = batchState(call).definitions[definitionArn] ?? {};
  const { logDriver = "awslogs", options = {} } = body?.containerProperties?.logConfiguration ?? {};
  if (logDriver !== "awslogs") return { group: undefined, makes: false };
  const group = options["awslogs-group"] ?? DEFAULT_GROUP;
  return { group, makes: group === DEFAULT_GROUP || options["awslogs-create-group"] === "true" };
}
