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
  validationWords(place, rule) {
    const own = rule.replace(
      /^Member must satisfy regular expression pattern: (.*)$/,
      "must satisfy regular expression '$1'",
    );
    return `Invalid parameter at '${place}' failed to satisfy constraint: '${own}'`;
  },
  settle: applyLifecyclePolicies,
  operations: {
    ...imageOperations,
    ...lifecycleOperations,
    ...repositoryOperations,
  },
};
