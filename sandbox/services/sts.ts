import type { Call, Service } from "../service.ts";
import type { Operations } from "./operations.ts";

export function callerArn({ account, partition }: Call): string {
  return `arn:${partition}:iam::${account}:user/sandbox`;
}

/** Whoever signs is the account's one user: the sandbox knows no other credentials. */
export const sts: Service = {
  name: "sts",
  client: () => import("@aws-sdk/client-sts"),
  model: () => import("../models/sts.json", { with: { type: "json" } }),
  validationError: "ValidationError",
  operations: {
    GetCallerIdentity: (_input, call) => ({
      Account: call.account,
      Arn: callerArn(call),
      UserId: "AIDASANDBOXSANDBOX234",
    }),
  } satisfies Operations<typeof import("@aws-sdk/client-sts")>,
};
