import type { Service } from "../service.ts";
import { imageOperations } from "./ecr/images.ts";
import { applyLifecyclePolicies, lifecycleOperations } from "./ecr/lifecycle.ts";
import { repositoryOperations } from "./ecr/repositories.ts";

export {
  findImage,
  inventImage,
  parseReference,
  pushImage,
  repositoryExists,
} from "./ecr/state.ts";

export const ecr: Service = {
  name: "ecr",
  client: () => import("@aws-sdk/client-ecr"),
  model: () => import("../models/ecr.json", { with: { type: "json" } }),
  validationError: "InvalidParameterException",
  settle: applyLifecyclePolicies,
  operations: {
    ...imageOperations,
    ...lifecycleOperations,
    ...repositoryOperations,
  },
};
