import type { CloudWatchOutputConfig } from "@aws-sdk/client-ssm";
import { collection, pages } from "../../collection.ts";
import { type Call, Refusal } from "../../service.ts";
import type { Operations } from "../operations.ts";

export type SsmOperations = Operations<typeof import("@aws-sdk/client-ssm")>;

export interface AgentState {
  /** Of which start of the instance it is. */
  readonly runningAt: number;
  /** Until when its role was seen not to allow it; it tries again by itself. */
  readonly deniedAt?: number | undefined;
  readonly onlineFrom?: number | undefined;
  /** It sleeps until then, and a reboot wakes it. */
  readonly asleep?: true | undefined;
}

export type InvocationStatus =
  | "Pending"
  | "InProgress"
  | "Success"
  | "Failed"
  | "TimedOut"
  | "Cancelling"
  | "Cancelled";

export interface InvocationState {
  readonly instanceId: string;
  status: InvocationStatus;
  details: string;
  readonly startsAt: number;
  /** When it ends by itself. */
  endsAt: number;
  endedAt?: number | undefined;
  stdout: readonly string[];
  stderr: string[];
  exitCode: number;
  /** Lines of stdout that went to CloudWatch Logs. */
  logged: number;
  /** When the agent sent its last, while its machine was shutting down. */
  flushedAt?: number | undefined;
}

export interface CommandState {
  readonly id: string;
  readonly document: string;
  readonly comment: string;
  readonly parameters: Readonly<Record<string, readonly string[]>>;
  readonly requestedAt: number;
  readonly visibleFrom: number;
  readonly deliveryTimeoutSeconds: number;
  readonly executionTimeoutSeconds: number;
  readonly logs?: CloudWatchOutputConfig | undefined;
  readonly instanceIds: readonly string[];
  readonly targets: readonly { readonly Key?: string | undefined; readonly Values?: string[] | undefined }[];
  /** Full ECR references it pushes when it succeeds. */
  readonly pushes: readonly { readonly image: string; readonly digest: string; readonly manifest: string }[];
  /** The script looks into the registry before it pushes. */
  readonly asksRegistry: boolean;
  readonly invocations: InvocationState[];
}

export interface SsmState {
  readonly agents: Record<string, AgentState>;
  readonly commands: Record<string, CommandState>;
}

export function ssmState(call: Call): SsmState {
  return call.slice<SsmState>("ssm", call.region, () => ({ agents: {}, commands: {} }));
}

export const paged = pages({
  ...{ token: "NextToken", size: "MaxResults", usual: 50, sorted: true },
  badToken: () => new Refusal("InvalidNextToken", "The specified token is not valid."),
});

export const commands = collection(
  (call) => ssmState(call).commands,
  () => new Refusal("InvalidCommandId", ""),
);

export function isOver({ status }: InvocationState): boolean {
  return !["Pending", "InProgress", "Cancelling"].includes(status);
}
