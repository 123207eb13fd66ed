import type {
  Command,
  CommandInvocation,
  CommandPlugin,
  CommandStatus,
  GetCommandInvocationCommandOutput,
} from "@aws-sdk/client-ssm";
import type { Answer } from "../operations.ts";
import { type CommandState, type InvocationState, isOver } from "./state.ts";

const STDOUT_LIMIT = 24_000;
const STDERR_LIMIT = 8_000;
const PLUGIN_LIMIT = 2_500;

export function shownCommand(command: CommandState): Command {
  const { invocations, requestedAt, deliveryTimeoutSeconds, executionTimeoutSeconds } = command;
  const seconds = deliveryTimeoutSeconds + executionTimeoutSeconds;
  return {
    CommandId: command.id,
    DocumentName: command.document,
    DocumentVersion: "$DEFAULT",
    Comment: command.comment,
    ExpiresAfter: new Date(requestedAt + seconds * 1000),
    Parameters: Object.fromEntries(Object.entries(command.parameters).map(([name, values]) => [name, [...values]])),
    InstanceIds: [...command.instanceIds],
    Targets: [...command.targets].map(({ Key, Values }) => ({ Key, Values })),
    RequestedDateTime: new Date(requestedAt),
    ...statusOf(invocations),
    OutputS3BucketName: "",
    OutputS3KeyPrefix: "",
    MaxConcurrency: "50",
    MaxErrors: "0",
    TargetCount: invocations.length,
    CompletedCount: invocations.filter(isOver).length,
    ErrorCount: invocations.filter(({ status }) => status === "Failed" || status === "TimedOut").length,
    DeliveryTimedOutCount: 0,
    ServiceRole: "",
    NotificationConfig: { NotificationArn: "", NotificationEvents: [], NotificationType: "" as "Command" },
    CloudWatchOutputConfig: logsOf(command),
    TimeoutSeconds: deliveryTimeoutSeconds,
  };
}

export function shownInvocation(
  command: CommandState,
  invocation: InvocationState,
  detailed: boolean,
): CommandInvocation {
  return {
    CommandId: command.id,
    InstanceId: invocation.instanceId,
    InstanceName: "",
    Comment: command.comment,
    DocumentName: command.document,
    DocumentVersion: "$DEFAULT",
    RequestedDateTime: new Date(command.requestedAt),
    Status: invocation.status,
    StatusDetails: invocation.details,
    StandardOutputUrl: "",
    StandardErrorUrl: "",
    CommandPlugins: detailed ? [pluginOf(invocation)] : [],
    ServiceRole: "",
    CloudWatchOutputConfig: logsOf(command),
  };
}

/** What it printed shows only when it has ended, and only the first part of it. */
export function shownResult(
  command: CommandState,
  invocation: InvocationState,
): Answer<GetCommandInvocationCommandOutput> {
  const { startsAt, endedAt, status } = invocation;
  const started = status !== "Pending";
  const over = isOver(invocation);
  return {
    CommandId: command.id,
    InstanceId: invocation.instanceId,
    Comment: command.comment,
    DocumentName: command.document,
    DocumentVersion: "$DEFAULT",
    PluginName: "aws:runShellScript",
    ResponseCode: over ? invocation.exitCode : -1,
    ExecutionStartDateTime: started ? new Date(startsAt).toISOString() : "",
    ExecutionElapsedTime: over ? elapsed((endedAt ?? startsAt) - startsAt) : "",
    ExecutionEndDateTime: over ? new Date(endedAt ?? startsAt).toISOString() : "",
    Status: status,
    StatusDetails: invocation.details,
    StandardOutputContent: over ? truncated(textOf(invocation.stdout), STDOUT_LIMIT) : "",
    StandardOutputUrl: "",
    StandardErrorContent: over ? truncated(errorText(invocation), STDERR_LIMIT) : "",
    StandardErrorUrl: "",
    CloudWatchOutputConfig: logsOf(command),
  };
}

function statusOf(invocations: readonly InvocationState[]): { Status: CommandStatus; StatusDetails: string } {
  const has = (...statuses: readonly string[]) => invocations.some(({ status }) => statuses.includes(status));
  const worst = invocations.find(({ status }) => status === "Failed" || status === "TimedOut");
  if (invocations.length === 0) return { Status: "Success", StatusDetails: "NoInstancesInTag" };
  if (invocations.every(({ status }) => status === "Pending")) return { Status: "Pending", StatusDetails: "Pending" };
  if (has("Cancelling")) return { Status: "Cancelling", StatusDetails: "Cancelling" };
  if (has("Pending", "InProgress")) return { Status: "InProgress", StatusDetails: "InProgress" };
  if (worst !== undefined) return { Status: worst.status as CommandStatus, StatusDetails: worst.details };
  if (has("Cancelled")) return { Status: "Cancelled", StatusDetails: "Cancelled" };
  return { Status: "Success", StatusDetails: "Success" };
}

function pluginOf(invocation: InvocationState): CommandPlugin {
  const { status, details, startsAt, endedAt, exitCode } = invocation;
  const over = isOver(invocation);
  const output = [textOf(invocation.stdout), errorText(invocation)]
    .filter((text) => text !== "")
    .join("\n----------ERROR-------\n");
  return {
    Name: "aws:runShellScript",
    Status: status === "Cancelling" ? "InProgress" : status,
    StatusDetails: details,
    ResponseCode: over ? exitCode : -1,
    ...(status !== "Pending" && { ResponseStartDateTime: new Date(startsAt) }),
    ...(endedAt !== undefined && { ResponseFinishDateTime: new Date(endedAt) }),
    Output: over ? output.slice(0, PLUGIN_LIMIT) : "",
    StandardOutputUrl: "",
    StandardErrorUrl: "",
    OutputS3BucketName: "",
    OutputS3KeyPrefix: "",
  };
}

/** The agent's own last line says how the script ended. */
function errorText({ stderr, exitCode, status }: InvocationState): string {
  const agent = status === "Failed" && exitCode !== 0 ? [`failed to run commands: exit status ${exitCode}`] : [];
  return [...stderr, ...agent].join("\n");
}

function textOf(lines: readonly string[]): string {
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

function truncated(text: string, limit: number): string {
  const mark = "\n---Output truncated---";
  return text.length <= limit ? text : text.slice(0, limit - mark.length) + mark;
}

function elapsed(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  const minutes = Math.floor(seconds / 60);
  return `PT${minutes > 0 ? `${minutes}M` : ""}${(seconds - minutes * 60).toFixed(3).replace(/\.?0+$/, "")}S`;
}

function logsOf({ logs }: CommandState) {
  return {
    CloudWatchLogGroupName: logs?.CloudWatchLogGroupName ?? "",
    CloudWatchOutputEnabled: logs?.CloudWatchOutputEnabled ?? false,
  };
}
