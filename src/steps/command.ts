import { GetLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import {
  type Command,
  type CommandInvocationStatus,
  GetCommandInvocationCommand,
  type GetCommandInvocationResult,
  paginateListCommands,
  SendCommandCommand,
} from "@aws-sdk/client-ssm";
import type { Cloud } from "../aws/clients.ts";
import { classify, isNotFound, orNothing, unless } from "../aws/errors.ts";
import { listed } from "../aws/pages.ts";
import { stateFrom } from "../aws/state.ts";
import { tail as tokenTail } from "../aws/tags.ts";
import type { Found, State, Step, Tail } from "../engine/step.ts";

export interface CommandInputs {
  readonly instanceId: string;
  /** Shell, with LF line endings; its exit code is the command's. */
  readonly script: string;
  readonly logGroupName: string;
  readonly timeoutSeconds: number;
}

export interface CommandOutput {
  readonly commandId: string;
  readonly lastLines: readonly string[];
}

/** A script run on one of our instances by SSM Run Command. It carries no tags: its Comment says whose it is. */
export const command: Step<CommandInputs, CommandOutput, unknown, Cloud> = {
  kind: "command",
  naming: "token",
  unrepeatable: true,
  pace: { expectMs: 0, everyMs: 3_000, timeoutMs: 60 * 60_000 },

  // SSM ends a command that was not delivered, or that runs too long; the rest is for hearing of it.
  timeoutMs: ({ timeoutSeconds }) => (DELIVERY_SECONDS + timeoutSeconds) * 1_000 + 5 * 60_000,

  async find({ cloud, inputs, name, node }) {
    if (!inputs) return [];
    const newest = (await commandsOn(cloud, inputs.instanceId))
      .map((run) => ({ run, origin: fromComment(run.Comment) }))
      .filter(({ origin }) => origin.name === name && (node === undefined || origin.node === node))
      .sort((a, b) => requestedAt(b.run) - requestedAt(a.run))[0];
    if (!newest) return [];
    const { run, origin } = newest;
    const commandId = run.CommandId!;
    const { state, detail, unsure } = stateFrom(STATE, run.Status);
    const asked = state === "pending" ? undefined : await invocationOf(cloud, commandId, inputs.instanceId);
    // ListCommands shows the end before GetCommandInvocation does.
    const invocation = asked && stateFrom(STATE, asked.Status).state !== "pending" ? asked : undefined;
    const lastLines = invocation ? await lastWords(cloud, inputs, commandId, invocation) : [];
    return [
      {
        ref: commandId,
        node: origin.node,
        owned: true,
        fingerprint: origin.fingerprint,
        token: origin.token,
        createdAt: run.RequestedDateTime,
        state: invocation ? state : "pending",
        ...(unsure && { unsure }),
        detail: state === "failed" && invocation ? failure(invocation, lastLines) : detail,
        output: { commandId, lastLines },
      } satisfies Found<CommandOutput>,
    ];
  },

  async create({ cloud, inputs, name, node, fingerprint, token }) {
    const { Command: sent } = await cloud.ssm.send(
      new SendCommandCommand({
        DocumentName: "AWS-RunShellScript",
        InstanceIds: [inputs.instanceId],
        Comment: [name, node, fingerprint, tokenTail(token)].join(" "),
        Parameters: {
          commands: inputs.script.split("\n"),
          executionTimeout: [String(inputs.timeoutSeconds)],
        },
        TimeoutSeconds: DELIVERY_SECONDS,
        CloudWatchOutputConfig: { CloudWatchOutputEnabled: true, CloudWatchLogGroupName: inputs.logGroupName },
      }),
    );
    return sent!.CommandId!;
  },

  async tail({ cloud, inputs }, { ref, state, output }, cursor): Promise<Tail> {
    const end = state === "ready" ? (output?.lastLines ?? []) : [];
    if (cursor === LOGS_REFUSED) return { lines: end, cursor };
    try {
      const { events, nextForwardToken } = await cloud.logs.send(
        new GetLogEventsCommand({ ...streamOf(inputs, ref), startFromHead: true, nextToken: cursor }),
      );
      return { lines: (events ?? []).flatMap(({ message }) => linesOf(message)), cursor: nextForwardToken };
    } catch (error) {
      // The agent makes the stream with its first line, and never where it may not write.
      if (isNotFound(error)) return { lines: end, cursor };
      if (classify(error) !== "refused") throw error;
      const told = "logs are refused, the end of the output follows when the command is done";
      return { lines: [told, ...end], cursor: LOGS_REFUSED };
    }
  },
};

/** How long SSM tries to hand the command to an instance that was online a moment ago. */
const DELIVERY_SECONDS = 600;

/** The cursor of a log that may not be read: it is not asked for again. */
const LOGS_REFUSED = "refused";

const STATE: Readonly<Record<CommandInvocationStatus, State>> = {
  Pending: "pending",
  InProgress: "pending",
  Delayed: "pending",
  Cancelling: "pending",
  Success: "ready",
  Cancelled: "failed",
  Failed: "failed",
  TimedOut: "failed",
};

async function commandsOn({ ssm }: Cloud, InstanceId: string): Promise<Command[]> {
  const pages = paginateListCommands({ client: ssm }, { InstanceId });
  // An instance that SSM has not met yet has had no commands.
  return (await listed(pages, ({ Commands }) => Commands).catch(unless("notPropagated"))) ?? [];
}

function fromComment(comment = "") {
  const [name, node = "", fingerprint, token] = comment.split(" ");
  return { name, node, fingerprint, token };
}

function requestedAt({ RequestedDateTime }: Command): number {
  return RequestedDateTime?.getTime() ?? 0;
}

function invocationOf(cloud: Cloud, CommandId: string, InstanceId: string) {
  return orNothing(cloud.ssm.send(new GetCommandInvocationCommand({ CommandId, InstanceId })));
}

/** GetCommandInvocation returns the first so many characters of each; a failure stands at the end. */
const KEPT_STDOUT = 24_000;
const KEPT_STDERR = 8_000;
const LAST_LINES = 8;

async function lastWords(
  cloud: Cloud,
  inputs: CommandInputs,
  commandId: string,
  { Status, StandardErrorContent = "", StandardOutputContent = "" }: GetCommandInvocationResult,
): Promise<string[]> {
  const failed = Status !== "Success" && StandardErrorContent.trim() !== "";
  const kept = failed ? StandardErrorContent : StandardOutputContent;
  const whole = kept.length < (failed ? KEPT_STDERR : KEPT_STDOUT);
  const logged = whole ? undefined : await endOfLog(cloud, inputs, commandId, failed ? "stderr" : "stdout");
  return (logged ?? linesOf(kept)).filter((line) => line.trim() !== "").slice(-LAST_LINES);
}

/** Undefined where the log cannot be read. */
async function endOfLog(cloud: Cloud, inputs: CommandInputs, commandId: string, output: "stdout" | "stderr") {
  const answer = await orNothing(
    cloud.logs.send(
      new GetLogEventsCommand({ ...streamOf(inputs, commandId, output), startFromHead: false, limit: LAST_LINES }),
    ),
  ).catch(unless("refused"));
  return answer?.events?.flatMap(({ message }) => linesOf(message));
}

function failure({ StatusDetails, ResponseCode = -1 }: GetCommandInvocationResult, lastLines: readonly string[]) {
  // AWS's -1 means that the script has not ended by itself.
  const ended = ResponseCode < 0 ? [] : [`exit code ${ResponseCode}`];
  const how = [...(StatusDetails === "Failed" && ended.length > 0 ? [] : [StatusDetails]), ...ended].join(", ");
  return [how, lastLines.join("\n")].filter((part) => part !== "").join(": ");
}

function streamOf({ logGroupName, instanceId }: CommandInputs, commandId: string, output = "stdout") {
  return { logGroupName, logStreamName: `${commandId}/${instanceId}/aws-runShellScript/${output}` };
}

function linesOf(text = ""): string[] {
  return text.replace(/\r?\n$/, "").split(/\r?\n/);
}
