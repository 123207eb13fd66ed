import { Refusal } from "../../service.ts";
import { matches } from "../glob.ts";
import { type Condition, isMet, type Keys } from "./conditions.ts";

export interface Statement {
  readonly Effect: "Allow" | "Deny";
  readonly actions: readonly string[];
  readonly notActions: readonly string[] | undefined;
  readonly resources: readonly string[];
  readonly notResources: readonly string[] | undefined;
  readonly condition: Condition;
}

type Json = Readonly<Record<string, unknown>>;

const STATEMENT_FIELDS = new Set([
  "Sid",
  "Effect",
  "Principal",
  "NotPrincipal",
  "Action",
  "NotAction",
  "Resource",
  "NotResource",
  "Condition",
]);

/** Refuses what IAM would refuse of a role's trust policy. */
export function checkTrustPolicy(text: string, partition: string): void {
  for (const statement of statementsIn(text)) {
    if ("Resource" in statement || "NotResource" in statement) throw malformed("Has prohibited field Resource");
    if (!("Principal" in statement) && !("NotPrincipal" in statement)) {
      throw malformed("Missing required field Principal");
    }
    const actions = texts(statement.Action ?? statement.NotAction);
    if (actions.length === 0) throw malformed("Missing required field Action");
    if (actions.some((action) => !/^sts:/i.test(action) && action !== "*")) {
      throw malformed("AssumeRole policy may only specify STS AssumeRole actions.");
    }
    checkPrincipal(statement.Principal, partition);
  }
}

/** Refuses what IAM would refuse of a policy about what may be done. */
export function checkIdentityPolicy(text: string, partition: string): void {
  for (const statement of statementsIn(text)) {
    if ("Principal" in statement || "NotPrincipal" in statement) {
      throw malformed("Policy document should not specify a principal.");
    }
    const actions = texts(statement.Action ?? statement.NotAction);
    if (actions.length === 0) throw malformed("Policy statement must contain actions.");
    if (actions.some((action) => action !== "*" && !/^[a-z0-9-]+:[\w*?]+$/i.test(action))) {
      throw malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
    }
    const resources = texts(statement.Resource ?? statement.NotResource);
    if (resources.length === 0) throw malformed("Policy statement must contain resources.");
    for (const resource of resources) checkResource(resource, partition);
  }
}

/** The services a trust policy lets assume its role. */
export function trustedServices(trust: string): readonly string[] {
  return statementsIn(trust).flatMap(({ Principal }) => (isJson(Principal) ? texts(Principal.Service) : []));
}

/** Whether policies, taken together, allow an action; conditions are taken as met. */
export function policiesAllow(documents: readonly string[], action: string, resource: string): boolean {
  return decide(documents.flatMap(parsed), action, resource) === "allowed";
}

/** IAM's own words for the three ends of an evaluation. */
export type Decision = "allowed" | "explicitDeny" | "implicitDeny";

/** What statements say of an action on a resource; without keys, conditions are taken as met. */
export function decide(statements: readonly Statement[], action: string, resource: string, keys?: Keys): Decision {
  const hits = statements.filter(
    (statement) => covers(statement, action, resource) && (keys === undefined || isMet(statement.condition, keys)),
  );
  if (hits.some(({ Effect }) => Effect === "Deny")) return "explicitDeny";
  return hits.length > 0 ? "allowed" : "implicitDeny";
}

function covers(statement: Statement, action: string, resource: string): boolean {
  const { actions, notActions, resources, notResources } = statement;
  const actionFits = notActions
    ? !notActions.some((pattern) => matches(pattern.toLowerCase(), action.toLowerCase()))
    : actions.some((pattern) => matches(pattern.toLowerCase(), action.toLowerCase()));
  if (!actionFits) return false;
  return notResources
    ? !notResources.some((pattern) => matches(pattern, resource))
    : resources.some((pattern) => matches(pattern, resource));
}

/** A policy about what may be done, ready to be asked. */
export function parsed(document: string): Statement[] {
  return statementsIn(document).map((statement) => ({
    Effect: statement.Effect as Statement["Effect"],
    actions: texts(statement.Action),
    notActions: "NotAction" in statement ? texts(statement.NotAction) : undefined,
    resources: texts(statement.Resource),
    notResources: "NotResource" in statement ? texts(statement.NotResource) : undefined,
    condition: (statement.Condition ?? {}) as Condition,
  }));
}

function statementsIn(text: string): readonly Json[] {
  const document = parse(text);
  if (Object.keys(document).some((key) => !["Version", "Id", "Statement"].includes(key))) {
    throw malformed("Syntax errors in policy.");
  }
  const version = document.Version;
  if (version !== undefined && version !== "2012-10-17" && version !== "2008-10-17") {
    throw malformed("Policy document must be version 2012-10-17 or greater.");
  }
  const list = Array.isArray(document.Statement) ? document.Statement : [document.Statement];
  if (list.length === 0 || !list.every(isStatement)) throw malformed("Syntax errors in policy.");
  const sids = list.flatMap(({ Sid }) => (Sid === undefined ? [] : [Sid]));
  if (new Set(sids).size < sids.length) throw malformed("Statement IDs (SID) in a single policy must be unique.");
  return list;
}

function parse(text: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed("This policy contains invalid Json");
  }
  if (!isJson(value)) throw malformed("Syntax errors in policy.");
  return value;
}

function isStatement(value: unknown): value is Json {
  return (
    isJson(value) &&
    (value.Effect === "Allow" || value.Effect === "Deny") &&
    Object.keys(value).every((key) => STATEMENT_FIELDS.has(key)) &&
    ["Action", "NotAction", "Resource", "NotResource"].every((key) => !(key in value) || isTexts(value[key]))
  );
}

function checkPrincipal(principal: unknown, partition: string): void {
  if (principal === "*" || principal === undefined) return;
  if (!isJson(principal)) throw malformed("Syntax errors in policy.");
  for (const [kind, value] of Object.entries(principal)) {
    if (!isTexts(value) || !["AWS", "Service", "Federated", "CanonicalUser"].includes(kind)) {
      throw malformed("Syntax errors in policy.");
    }
    for (const name of texts(value)) {
      if (!principalFits(kind, name, partition)) {
        throw malformed(`Invalid principal in policy: "${kind.toUpperCase()}":"${name}"`);
      }
    }
  }
}

function principalFits(kind: string, name: string, partition: string): boolean {
  if (kind === "Service") {
    if (!/^[a-z0-9.-]+\.amazonaws\.com(\.cn)?$/.test(name)) return false;
    return partition === "aws-cn" || !name.endsWith(".cn");
  }
  if (kind === "AWS") return name === "*" || /^\d{12}$/.test(name) || name.startsWith(`arn:${partition}:`);
  return true;
}

function checkResource(resource: string, partition: string): void {
  if (resource === "*") return;
  const [arn, inPartition = ""] = resource.split(":");
  if (arn !== "arn" || resource.split(":").length < 6) {
    throw malformed(`Resource ${resource} must be in ARN format or "*".`);
  }
  if (!matches(inPartition, partition)) {
    throw malformed(`Partition "${inPartition}" is not valid for resource "${resource}".`);
  }
}

function texts(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function isTexts(value: unknown): boolean {
  return typeof value === "string" || (Array.isArray(value) && value.every((item) => typeof item === "string"));
}

function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function malformed(message: string): Refusal {
  return new Refusal("MalformedPolicyDocument", message, 400);
}
