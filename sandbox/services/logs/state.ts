import type { LogGroupClass } from "@aws-sdk/client-cloudwatch-logs";
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

const DAY_MS = 86_400_000;

export function groupsOf(call: Call): Record<string, LogGroupState> {
  return call.slice<LogsState>("logs", call.region, () => ({ groups: {} })).groups;
}

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

export function groupOf(call: Call, name: string | undefined): LogGroupState {
  const group = groupsOf(call)[name ?? ""];
  if (group === undefined) throw notFound("The specified log group does not exist.");
  return group;
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
  const group = groupsOf(call)[groupName];
  if (group === undefined) return false;
  const createdAt = lines[0]?.at ?? call.now;
  group.streams[streamName] ??= { name: streamName, createdAt, lines: [] };
  const kept = group.streams[streamName].lines;
  kept.push(...lines.map(({ at, message }) => ({ at, ingestedAt: Math.min(call.now, at + 1_000), message })));
  return true;
}

export function groupExists(call: Call, name: string): boolean {
  return name in groupsOf(call);
}

/** A group that another service makes for itself when it is missing. */
export function makeGroup(call: Call, name: string): void {
  groupsOf(call)[name] ??= newGroup(call, name);
}

export function notFound(message: string): Refusal {
  return new Refusal("ResourceNotFoundException", message);
}

export function invalidParameter(message: string): Refusal {
  return new Refusal("InvalidParameterException", message);
}
