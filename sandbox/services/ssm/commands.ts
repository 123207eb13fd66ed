import type { CommandFilter } from "@aws-sdk/client-ssm";
import { isVisible } from "../../collection.ts";
import { type Call, Refusal } from "../../service.ts";
import { shownCommand, shownInvocation, shownResult } from "./shown.ts";
import { type CommandState, commands, isOver, paged, type SsmOperations } from "./state.ts";

interface ListInput {
  readonly CommandId?: string | undefined;
  readonly InstanceId?: string | undefined;
  readonly Filters?: CommandFilter[] | undefined;
}

export const commandOperations = {
  /** Newest first. */
  ListCommands(input, call) {
    const all = chosen(input, call).filter((command) => filtersFit(input, command, shownCommand(command).Status));
    const { items, next } = paged(call, input, all);
    return { Commands: items.map(shownCommand), ...next };
  },

  ListCommandInvocations(input, call) {
    const all = chosen(input, call).flatMap((command) =>
      command.invocations
        .filter(({ instanceId }) => input.InstanceId === undefined || instanceId === input.InstanceId)
        .filter(({ status }) => filtersFit(input, command, status))
        .map((invocation) => ({ command, invocation })),
    );
    const { items, next } = paged(call, input, all);
    return {
      CommandInvocations: items.map(({ command, invocation }) =>
        shownInvocation(command, invocation, input.Details ?? false),
      ),
      ...next,
    };
  },

  GetCommandInvocation(input, call) {
    const command = commands.find(call, input.CommandId);
    const invocation = command?.invocations.find(({ instanceId }) => instanceId === input.InstanceId);
    // Also for a moment after it was sent.
    if (command === undefined || invocation === undefined || !isVisible(call, command)) {
      throw new Refusal("InvocationDoesNotExist", "");
    }
    if (input.PluginName !== undefined && !/^aws:?runShellScript$/i.test(input.PluginName)) {
      throw new Refusal("InvalidPluginName", `The plugin name ${input.PluginName} is not valid.`);
    }
    return shownResult(command, invocation);
  },

  /** What has ended stays as it ended; what runs may run on for a few seconds. */
  CancelCommand(input, call) {
    for (const invocation of commands.get(call, input.CommandId).invocations) {
      if (isOver(invocation) || !(input.InstanceIds?.includes(invocation.instanceId) ?? true)) continue;
      invocation.status = "Cancelling";
      invocation.details = "Cancelling";
      invocation.endsAt = Math.min(invocation.endsAt, call.now + call.between(1_000, 6_000));
    }
    return {};
  },
} satisfies SsmOperations;

function chosen({ CommandId, InstanceId }: ListInput, call: Call): CommandState[] {
  if (CommandId !== undefined) commands.get(call, CommandId);
  return commands
    .visible(call)
    .filter(({ id }) => CommandId === undefined || id === CommandId)
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
