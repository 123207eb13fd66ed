import { type Call, Refusal } from "../service.ts";
import { isEvaluated, type Keys } from "../services/iam/conditions.ts";
import { type Decision, decide, parsed } from "../services/iam/policy-document.ts";
import { callerArn } from "../services/sts.ts";
import { watchedFile } from "../watched-file.ts";
import { batch } from "./batch.ts";
import type { Demand, Table } from "./demands.ts";
import { ec2 } from "./ec2.ts";
import { ecr } from "./ecr.ts";
import { fsx } from "./fsx.ts";
import { iam } from "./iam.ts";
import { logs } from "./logs.ts";
import { serviceQuotas } from "./service-quotas.ts";
import { ssm } from "./ssm.ts";
import { sts } from "./sts.ts";

/** What the caller may do. */
export interface CallerPolicy {
  decide(action: string, resource: string, keys: Keys): Decision;
}

/** What each operation takes, by service. */
export const TABLES: Readonly<Record<string, Table>> = {
  batch,
  ec2,
  ecr,
  fsx,
  iam,
  logs,
  servicequotas: serviceQuotas,
  ssm,
  sts,
};

/** Reads one policy document, or a list of them. Throws where it is none that IAM would take. */
export function callerPolicy(text: string): CallerPolicy {
  const documents = [JSON.parse(text) as unknown].flat();
  const statements = documents.flatMap((document) => parsed(JSON.stringify(document)));
  const operators = statements.flatMap(({ condition }) => Object.keys(condition));
  const strange = operators.find((operator) => !isEvaluated(operator));
  if (strange !== undefined) throw new Error(`the sandbox does not know the condition operator ${strange}`);
  return { decide: (action, resource, keys) => decide(statements, action, resource, keys) };
}

/** The caller's policy in a file, read again whenever it changes; without the file everything is allowed. */
export function callerPolicyIn(path: string): () => CallerPolicy | undefined {
  const parse = (text: string) => {
    try {
      return callerPolicy(text);
    } catch (cause) {
      throw new Error(`${path} is no policy: ${(cause as Error).message}`, { cause });
    }
  };
  return watchedFile(path, parse, undefined);
}

/** Start here: refuses, as AWS does, a request that takes a right which the caller does not have. */
export function authorize(policy: CallerPolicy, service: string, operation: string, input: unknown, call: Call): void {
  for (const demand of demandsOf(service, operation, input, call)) {
    const action = demand.action ?? `${service}:${operation}`;
    const keys = { "aws:RequestedRegion": call.region, ...demand.keys };
    const decision = policy.decide(action, demand.resource, keys);
    if (decision !== "allowed") throw refusal(call, service, action, demand, decision);
  }
}

/** An operation that no table knows takes its own right on everything. */
export function demandsOf(service: string, operation: string, input: unknown, call: Call): readonly Demand[] {
  const demands = TABLES[service]?.[operation];
  if (demands === undefined) return [{ resource: "*" }];
  return typeof demands === "function" ? demands(input as never, call) : demands;
}

/** Whether a service says it with 403; those that speak JSON 1.1 say everything with 400. */
const FORBIDS = new Set(["batch", "ec2", "iam"]);

function refusal(call: Call, service: string, action: string, { resource }: Demand, decision: Decision): Refusal {
  const on = resource === "*" ? "" : ` on resource: ${resource}`;
  const why =
    decision === "explicitDeny"
      ? "with an explicit deny in an identity-based policy"
      : `because no identity-based policy allows the ${action} action`;
  const words = `User: ${callerArn(call)} is not authorized to perform: ${action}${on} ${why}`;
  const status = FORBIDS.has(service) ? 403 : 400;
  if (service === "ec2") {
    return new Refusal("UnauthorizedOperation", `You are not authorized to perform this operation. ${words}`, status);
  }
  return new Refusal(service === "iam" ? "AccessDenied" : "AccessDeniedException", words, status);
}
