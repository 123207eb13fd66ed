import type { Call } from "../service.ts";
import type { Keys } from "../services/iam/conditions.ts";
import { lacksServiceLinkedRole } from "../services/iam/service-linked-roles.ts";
import { iamArn, iamState } from "../services/iam/state.ts";

/** One right that a request takes: AWS asks for each of them by itself. */
export interface Demand {
  /** Without it: the operation's own name, in its service. */
  readonly action?: string;
  /** `*` where AWS knows no narrower resource for the action. */
  readonly resource: string;
  readonly keys?: Keys;
}

/** What an operation takes, from its input and what there is; where it is a list, whatever the input. */
export type Demands = readonly Demand[] | ((input: never, call: Call) => readonly Demand[]);

/** By operation. */
export type Table = Readonly<Record<string, Demands>>;

/** For actions that AWS grants on `*` only. */
export const ANYTHING: readonly Demand[] = [{ resource: "*" }];

/** The same demands for several operations. */
export function alike(operations: readonly string[], demands: Demands): Table {
  return Object.fromEntries(operations.map((operation) => [operation, demands]));
}

/** `more` are the service's own names for the same, where it has them: ec2:ResourceTag. */
export function tagsOfResource(tags: Readonly<Record<string, string>> = {}, ...more: readonly string[]): Keys {
  return Object.fromEntries(
    Object.entries(tags).flatMap(([key, value]) =>
      ["aws:ResourceTag", ...more].map((prefix) => [`${prefix}/${key}`, value]),
    ),
  );
}

export function tagsOfRequest(tags: Readonly<Record<string, string>> = {}): Keys {
  const keys = Object.keys(tags);
  if (keys.length === 0) return {};
  return {
    ...Object.fromEntries(Object.entries(tags).map(([key, value]) => [`aws:RequestTag/${key}`, value])),
    "aws:TagKeys": keys,
  };
}

/** Handing a role to a service; in China EC2 goes by its name there. */
export function passing(call: Call, roleArn: string, service: "batch" | "ec2" | "ecs-tasks"): Demand {
  const suffix = service === "ec2" ? call.dnsSuffix : "amazonaws.com";
  return { action: "iam:PassRole", resource: roleArn, keys: { "iam:PassedToService": `${service}.${suffix}` } };
}

/** The first use of a service makes its role, in the name of the one who uses it. */
export function serviceLinkedRole(call: Call, service: string): readonly Demand[] {
  if (!lacksServiceLinkedRole(call, service)) return [];
  const resource = iamArn(call, `role/aws-service-role/${service}/*`);
  return [{ action: "iam:CreateServiceLinkedRole", resource, keys: { "iam:AWSServiceName": service } }];
}

/** Handing over whatever role is in a profile, named by its name or ARN; nothing where there is none. */
export function passingProfile(call: Call, profile: string | undefined): readonly Demand[] {
  const { profiles, roles } = iamState(call);
  const found = profiles[(profile?.split("/").at(-1) ?? "").toLowerCase()];
  const role = roles[found?.role?.toLowerCase() ?? ""];
  return role ? [passing(call, role.arn, "ec2")] : [];
}
