import type { Service } from "../service.ts";
import { definitionOperations } from "./batch/definitions.ts";
import { environmentOperations } from "./batch/environments.ts";
import { jobOperations } from "./batch/jobs.ts";
import { queueOperations } from "./batch/queues.ts";
import { settleBatch } from "./batch/settle.ts";
import { submitOperations } from "./batch/submit.ts";
import { tagOperations } from "./batch/tags.ts";
import { updateEnvironmentOperations } from "./batch/update-environment.ts";

export const batch: Service = {
  name: "batch",
  client: () => import("@aws-sdk/client-batch"),
  model: () => import("../models/batch.json", { with: { type: "json" } }),
  validationError: "ClientException",
  settle: settleBatch,
  operations: {
    ...definitionOperations,
    ...environmentOperations,
    ...jobOperations,
    ...queueOperations,
    ...submitOperations,
    ...tagOperations,
    ...updateEnvironmentOperations,
  },
};
