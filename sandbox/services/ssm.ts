import type { Constraint, Service } from "../service.ts";
import { agentOperations } from "./ssm/agents.ts";
import { commandOperations } from "./ssm/commands.ts";
import { documentOperations } from "./ssm/documents.ts";
import { parameterOperations } from "./ssm/parameters.ts";
import { sendOperations } from "./ssm/send.ts";
import { settleCommands } from "./ssm/settle.ts";

const instanceId: Constraint = { pattern: /^(i-(\w{8}|\w{17})|mi-\w{17})$/ };
const commandId: Constraint = { length: [36, 36] };
const page: Constraint = { range: [1, 50] };

export const ssm: Service = {
  name: "ssm",
  client: () => import("@aws-sdk/client-ssm"),
  settle: settleCommands,
  operations: {
    ...agentOperations,
    ...commandOperations,
    ...documentOperations,
    ...parameterOperations,
    ...sendOperations,
  },
  constraints: {
    CancelCommand: { CommandId: commandId, InstanceIds: { length: [0, 50] }, "InstanceIds[]": instanceId },
    DescribeInstanceInformation: { MaxResults: { range: [5, 50] } },
    GetCommandInvocation: { CommandId: commandId, InstanceId: instanceId },
    GetParameter: { Name: { length: [1, 2048] } },
    GetParameters: { Names: { length: [1, 10] } },
    GetParametersByPath: { Path: { pattern: /^\//, length: [1, 2048] }, MaxResults: { range: [1, 10] } },
    ListCommandInvocations: { CommandId: commandId, InstanceId: instanceId, MaxResults: page },
    ListCommands: { CommandId: commandId, InstanceId: instanceId, MaxResults: page },
    SendCommand: {
      InstanceIds: { length: [0, 50] },
      "InstanceIds[]": instanceId,
      Targets: { length: [0, 5] },
      Comment: { length: [0, 100] },
      TimeoutSeconds: { range: [30, 2_592_000] },
      OutputS3KeyPrefix: { length: [0, 500] },
      "CloudWatchOutputConfig.CloudWatchLogGroupName": { pattern: /^[.\-_/#A-Za-z0-9]+$/, length: [1, 512] },
    },
  },
};
