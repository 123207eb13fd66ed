import type { Service } from "../service.ts";
import { eventOperations } from "./logs/events.ts";
import { groupOperations } from "./logs/groups.ts";

export { groupExists, makeGroup, writeLines } from "./logs/state.ts";

export const logs: Service = {
  name: "logs",
  client: () => import("@aws-sdk/client-cloudwatch-logs"),
  model: () => import("../models/logs.json", { with: { type: "json" } }),
  validationError: "InvalidParameterException",
  operations: {
    ...eventOperations,
    ...groupOperations,
  },
};
