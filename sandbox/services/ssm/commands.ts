import type { CommandFilter } from "@aws-sdk/client-ssm";
import { type Call, Refusal } from "../../service.ts";
import { pageOf } from "../paging.ts";
import { shownCommand, shownInvocation, shownResult } from "./shown.ts";
import { type CommandState, isOver, type SsmOperations, ssmState } from "./state.ts";

interface ListInput {
  readonly CommandId?: string | undefined;
  readonly InstanceId?: string | undefined;
  readonly Filters?: CommandFilter[] | undefined;
}

export const commandOperations = {
  /** Newest first. */
  ListCommands(input, call) {
    const commands = chosen(input, call).filter((command) => filtersFit(input, command, shownCommand(command).Status));
    const { items, next } = pageOf(commands, agePlace(commands), input.MaxResults ?? 50, input.NextToken, badToken);
    return { Commands: items.map(shownCommand), ...(next !== undefined && { NextToken: next }) };
  },

  ListCommandInvocations(input, call) {
    const all = chosen(input, call).flatMap((command) =>
      command.invocations
        .filter(({ instanceId }) => input.InstanceId === undefined || instanceId === input.InstanceId)
        .filter(({ status }) => filtersFit(input, command, status))
        .map((invocation) => ({ command, invocation })),
    );
    const { items, next } = pageOf(all, agePlace(all), input.MaxResults ?? 50, input.NextToken, badToken);
    return {
      CommandInvocations: items.map(({ command, invocation }) =>
        shownInvocation(command, invocation, input.Details ?? false),
      ),
      ...(next !== undefined && { NextToken: next }),
    };
  },

  GetCommandInvocation(input, call) {
    const command = ssmState(call).commands[input.CommandId!];
    const invocation = command?.invocations.find(({ instanceId }) => instanceId === input.InstanceId);
    // Also for a moment after it was sent.
    if (command === undefined || invocation === undefined || call.now < command.visibleFrom) {
      throw new Refusal("InvocationDoesNotExist", "");
    }
    if (input.PluginName !== undefined && !/^aws:?runShellScript$/i.test(input.PluginName)) {
      throw new Refusal("InvalidPluginName", `The plugin name ${input.PluginName} is not valid.`);
    }
    return shownResult(command, invocation);
  },

  /** What has ended stays as it ended; what runs may run on for a few seconds. */
  CancelCommand(input, call) {
    const command = ssmState(call).commands[input.CommandId!];
    if (command === undefined) throw new Refusal("InvalidCommandId", "");
    for (const invocation of command.invocations) {
      if (isOver(invocation) || !(input.InstanceIds?.includes(invocation.instanceId) ?? true)) continue;
      invocation.status = "Cancelling";
      invocation.details = "Cancelling";
      invocation.endsAt = Math.min(invocation.endsAt, call.now + call.between(1_000, 6_000));
    }
    return {};
  },
} satisfies SsmOperations;

function chosen({ CommandId, InstanceId }: ListInput, call: Call): CommandState[] {
  const { commands } = ssmState(call);
  if (CommandId !== undefined && !(CommandId in commands)) throw new Refusal("InvalidCommandId", "");
  return Object.values(commands)
    .filter(({ id, visibleFrom }) => visibleFrom <= call.now && (CommandId === undefined || id === CommandId))
    .filter(
      ({ invocations }) => InstanceId === undefined || invocations.some(({ instanceId }) => instanceId === InstanceId),
    )
    .sort((a, b) => b.requestedAt - a.requestedAt);
}

function filtersFit({ Filters = [] }: ListInput, command: CommandState, status: string | undefined): boolean {
  return Filters.every(({ key, value = "" }) => {
    switch (key) {
      case "InvokedAfter":
        return command.requestedAt >= Date.parse(value);
      case "InvokedBefore":
        return command.requestedAt <= Date.parse(value);
      case "Status":
        return status === value;
      case "DocumentName":
        return command.document === value;
      case "ExecutionStage":
        return (value === "Executing") === command.invocations.some((each) => !isOver(each));
      default:
        throw new Refusal("InvalidFilterKey", `The filter key ${key} is not valid.`);
    }
  });
}

function agePlace<T>(list: readonly T[]): (item: T) => string {
  const places = new Map(list.map((item, index) => [item, String(index).padStart(9, "0")]));
  return (item) => places.get(item) ?? "";
}

function badToken(): Refusal {
  return new Refusal("InvalidNextToken", "The specified token is not valid.");
}
