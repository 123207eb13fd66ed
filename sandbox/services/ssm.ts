import type { Service } from "../service.ts";
import { agentOperations } from "./ssm/agents.ts";
import { commandOperations } from "./ssm/commands.ts";
import { documentOperations } from "./ssm/documents.ts";
import { parameterOperations } from "./ssm/parameters.ts";
import { sendOperations } from "./ssm/send.ts";
import { settleCommands } from "./ssm/settle.ts";

export const ssm: Service = {
  name: "ssm",
  client: () => import("@aws-sdk/client-ssm"),
  model: () => import("../models/ssm.json", { with: { type: "json" } }),
  validationError: "ValidationException",
  settle: settleCommands,
  operations: {
    ...agentOperations,
    ...commandOperations,
    ...documentOperations,
    ...parameterOperations,
    ...sendOperations,
  },
};
