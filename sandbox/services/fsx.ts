import type { Call, Service } from "../service.ts";
import { dataRepositoryOperations, settleDataRepositories } from "./fsx/data-repositories.ts";
import { fileSystemOperations } from "./fsx/file-systems.ts";
import { settleFileSystems } from "./fsx/settle.ts";
import { tagOperations } from "./fsx/tags.ts";

export const fsx: Service = {
  name: "fsx",
  client: () => import("@aws-sdk/client-fsx"),
  model: () => import("../models/fsx.json", { with: { type: "json" } }),
  validationError: "BadRequest",
  settle(call: Call) {
    settleFileSystems(call);
    settleDataRepositories(call);
  },
  operations: {
    ...dataRepositoryOperations,
    ...fileSystemOperations,
    ...tagOperations,
  },
};
