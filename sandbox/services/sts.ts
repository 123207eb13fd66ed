import type { Call, Service } from "../service.ts";

/** Whoever signs is the account's one user: the sandbox knows no other credentials. */
export const sts: Service = {
  name: "sts",
  client: () => import("@aws-sdk/client-sts"),
  operations: {
    GetCallerIdentity: (_input: unknown, { account, partition }: Call) => ({
      Account: account,
      Arn: `arn:${partition}:iam::${account}:user/sandbox`,
      UserId: "AIDASANDBOXSANDBOX234",
    }),
  },
};
