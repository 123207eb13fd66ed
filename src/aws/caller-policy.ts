import { readFileSync } from "node:fs";
import { PACKAGE } from "../package.ts";

/** The verbs with a policy of their own, each in a file below policies/. */
export const POLICY_VERBS = ["up", "bake-ami", "teardown", "status"] as const;
export type PolicyVerb = (typeof POLICY_VERBS)[number];

/** Whose policy it is to be: what makes it narrower than it stands in the file. */
export interface Caller {
  readonly partition: string;
  readonly region: string;
  readonly account: string;
  /** The environment's name. */
  readonly name: string;
  /** Of the roles it makes; begins and ends with a slash. */
  readonly path: string;
  /** ARN of the policy that bounds every role it makes. */
  readonly permissionsBoundary?: string | undefined;
  readonly spot: boolean;
  /** Whether a builder on the caller's own machine may push the container image. */
  readonly pushes: boolean;
  /** Whether it has so many roles that they are read with all others of the account. */
  readonly manyRoles: boolean;
  /** Of the file system: a key of the account's own. */
  readonly kmsKeyId?: string | undefined;
}

export interface CallerStatement {
  readonly Sid: string;
  readonly Effect: "Allow";
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> | undefined;
}

export interface CallerPolicyDocument {
  readonly Version: "2012-10-17";
  readonly Statement: readonly CallerStatement[];
}

const root = new URL("policies/", PACKAGE);

/** The least that whoever types a verb must be allowed. */
export function policyFor(verb: PolicyVerb, caller: Caller): CallerPolicyDocument {
  const text = readFileSync(new URL(`${verb}.json`, root), "utf8");
  const { Version, Statement } = JSON.parse(filled(text, caller)) as CallerPolicyDocument;
  return { Version, Statement: Statement.flatMap((statement) => suited(inLists(statement), caller)) };
}

/** Characters as IAM counts them: those of white space are free. A managed policy may have 6,144. */
export function sizeOf(policy: CallerPolicyDocument): number {
  return JSON.stringify(policy).replace(/\s/g, "").length;
}

function filled(text: string, caller: Caller): string {
  return text.replace(/\{\{(\w+)\}\}/g, (_placeholder, member: keyof Caller) => {
    const value = caller[member];
    if (typeof value !== "string") throw new Error(`a policy asks for ${member}`);
    // Inside a JSON string.
    return JSON.stringify(value).slice(1, -1);
  });
}

/** One spelling for a lone value and a list of one; what is filled in alike is there once. */
function inLists({ Action, Resource, Condition, ...rest }: CallerStatement): CallerStatement {
  const list = (value: string | readonly string[]) => [...new Set([value].flat())];
  const conditions = Object.entries(Condition ?? {}).map(([operator, keys]) => [
    operator,
    Object.fromEntries(Object.entries(keys).map(([key, values]) => [key, list(values)])),
  ]);
  return {
    ...{ ...rest, Action: list(Action), Resource: list(Resource) },
    ...(conditions.length > 0 && { Condition: Object.fromEntries(conditions) as CallerStatement["Condition"] }),
  };
}

/** Statements by what they are for: some are needed under a config only, or can be narrowed by it. */
function suited(statement: CallerStatement, caller: Caller): readonly CallerStatement[] {
  const { permissionsBoundary: bound, spot, pushes, manyRoles, kmsKeyId, partition } = caller;
  switch (statement.Sid) {
    case "RolesAtOnce":
      return manyRoles ? [statement] : [];
    case "RolesNew":
      // Whoever may make roles may give them any right, less what the boundary keeps.
      return [bound === undefined ? statement : bounded(statement, bound)];
    case "RoleOfSpot":
      return spot ? [statement] : [];
    case "RolesMadeByServices":
      return [spot ? statement : without(statement, "iam:AWSServiceName", "spot.amazonaws.com")];
    case "RolesPassed":
      return [partition === "aws-cn" ? statement : without(statement, "iam:PassedToService", "ec2.amazonaws.com.cn")];
    case "EcrOurs":
      return [pushes ? statement : { ...statement, Action: statement.Action.filter((action) => !PUSH.has(action)) }];
    case "FsxKey":
      if (kmsKeyId === undefined) return [];
      return [kmsKeyId.includes(":key/") ? { ...statement, Resource: [kmsKeyId] } : statement];
    default:
      return [statement];
  }
}

/** What a builder sends layers with. */
const PUSH: ReadonlySet<string> = new Set([
  "ecr:BatchCheckLayerAvailability",
  "ecr:BatchGetImage",
  "ecr:CompleteLayerUpload",
  "ecr:InitiateLayerUpload",
  "ecr:PutImage",
  "ecr:UploadLayerPart",
]);

function bounded({ Action, ...statement }: CallerStatement, boundary: string): CallerStatement {
  return {
    ...statement,
    Action: Action.filter((action) => action !== "iam:DeleteRolePermissionsBoundary"),
    Condition: { StringEquals: { "iam:PermissionsBoundary": [boundary] } },
  };
}

function without(statement: CallerStatement, key: string, value: string): CallerStatement {
  const { StringEquals = {}, ...others } = statement.Condition ?? {};
  const left = (StringEquals[key] ?? []).filter((each) => each !== value);
  return { ...statement, Condition: { ...others, StringEquals: { ...StringEquals, [key]: left } } };
}
