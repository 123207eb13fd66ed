import type { LogGroupClass } from "@aws-sdk/client-cloudwatch-logs";
import { collection, pages } from "../../collection.ts";
import { DAY_MS } from "../../lifecycle.ts";
import { type Call, Refusal } from "../../service.ts";
import type { TagMap } from "../key-value-tags.ts";
import type { Operations } from "../operations.ts";

export type LogsOperations = Operations<typeof import("@aws-sdk/client-cloudwatch-logs")>;

export interface LogLine {
  /** When it happened, in milliseconds. */
  readonly at: number;
  readonly ingestedAt: number;
  readonly message: string;
}

export interface LogStreamState {
  readonly name: string;
  readonly createdAt: number;
  /** In the order of time. */
  readonly lines: LogLine[];
}

export interface LogGroupState {
  readonly name: string;
  readonly createdAt: number;
  readonly visibleFrom?: number | undefined;
  readonly logClass: LogGroupClass;
  readonly kmsKeyId?: string | undefined;
  retentionDays?: number | undefined;
  tags: TagMap;
  readonly streams: Record<string, LogStreamState>;
}

interface LogsState {
  readonly groups: Record<string, LogGroupState>;
}

export const groups = collection(
  (call) => call.slice<LogsState>("logs", call.region, () => ({ groups: {} })).groups,
  () => notFound("The specified log group does not exist."),
);

export const paged = pages({
  ...{ token: "nextToken", size: "limit", usual: 50, sorted: true },
  badToken: () => invalidParameter("The specified nextToken is invalid."),
});

export function newGroup(call: Call, name: string): LogGroupState {
  return {
    name,
    createdAt: call.now,
    visibleFrom: call.now + call.unseenMs,
    logClass: "STANDARD",
    tags: {},
    streams: {},
  };
}

export function streamOf(group: LogGroupState, name: string | undefined): LogStreamState {
  const stream = group.streams[name ?? ""];
  if (stream === undefined) throw notFound("The specified log stream does not exist.");
  return stream;
}

/** A group's name, or the name in its ARN, with or without the `:*` that some answers end in. */
export function groupNameIn(identifier: string | undefined): string | undefined {
  if (!identifier?.startsWith("arn:")) return identifier;
  return identifier.split(":")[6];
}

export function groupArn({ partition, region, account }: Call, name: string): string {
  return `arn:${partition}:logs:${region}:${account}:log-group:${name}`;
}

/** What is still kept of a stream. */
export function keptLines(call: Call, { retentionDays }: LogGroupState, { lines }: LogStreamState): LogLine[] {
  if (retentionDays === undefined) return lines;
  return lines.filter(({ at }) => at >= call.now - retentionDays * DAY_MS);
}

export interface WrittenLine {
  readonly at: number;
  readonly message: string;
}

/** Another service's lines; a missing stream is made. False, and nothing kept, when there is no such group. */
export function writeLines(call: Call, groupName: string, streamName: string, lines: readonly WrittenLine[]): boolean {
  const group = groups.find(call, groupName);
  if (group === undefined) return false;
  const createdAt = lines[0]?.at ?? call.now;
  group.streams[streamName] ??= { name: streamName, createdAt, lines: [] };
  const kept = group.streams[streamName].lines;
  kept.push(...lines.map(({ at, message }) => ({ at, ingestedAt: Math.min(call.now, at + 1_000), message })));
  return true;
}

export function groupExists(call: Call, name: string): boolean {
  return groups.find(call, name) !== undefined;
}

/** A group that another service makes for itself when it is missing. */
export function makeGroup(call: Call, name: string): void {
  if (!groupExists(call, name)) groups.add(call, name, newGroup(call, name));
}

export function notFound(message: string): Refusal {
  return new Refusal("ResourceNotFoundException", message);
}

export function alreadyExists(message: string): Refusal {
  return new Refusal("ResourceAlreadyExistsException", message);
}

export function invalidParameter(message: string): Refusal {
  return new Refusal("InvalidParameterException", message);
}
