import type { LogStream } from "@aws-sdk/client-cloudwatch-logs";
import { DAY_MS, HOUR_MS } from "../../lifecycle.ts";
import type { Call } from "../../service.ts";
import {
  alreadyExists,
  groupArn,
  groupNameIn,
  groups,
  invalidParameter,
  keptLines,
  type LogLine,
  type LogStreamState,
  type LogsOperations,
  paged,
  streamOf,
} from "./state.ts";

const PAGE_LINES = 10_000;
const PAGE_BYTES = 1_048_576;

export const eventOperations = {
  CreateLogStream(input, call) {
    const group = groups.get(call, input.logGroupName);
    const name = input.logStreamName!;
    if (name in group.streams) throw alreadyExists("The specified log stream already exists");
    group.streams[name] = { name, createdAt: call.now, lines: [] };
    return {};
  },

  DeleteLogStream(input, call) {
    const group = groups.get(call, input.logGroupName);
    delete group.streams[streamOf(group, input.logStreamName).name];
    return {};
  },

  DescribeLogStreams(input, call) {
    const group = groups.get(call, input.logGroupName ?? groupNameIn(input.logGroupIdentifier));
    const byTime = input.orderBy === "LastEventTime";
    if (byTime && input.logStreamNamePrefix !== undefined) {
      throw invalidParameter("Cannot order by LastEventTime with a logStreamNamePrefix.");
    }
    const keyOf = (stream: LogStreamState) =>
      byTime ? `${String(stream.lines.at(-1)?.at ?? 0).padStart(15, "0")} ${stream.name}` : stream.name;
    const streams = Object.values(group.streams)
      .filter(({ name }) => name.startsWith(input.logStreamNamePrefix ?? ""))
      .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    if (input.descending) streams.reverse();
    const { items, next } = paged(call, input, streams);
    return { logStreams: items.map((stream) => shownStream(call, group.name, stream)), ...next };
  },

  PutLogEvents(input, call) {
    const stream = streamOf(groups.get(call, input.logGroupName), input.logStreamName);
    const events = input.logEvents!.map(({ timestamp, message }) => ({ at: timestamp!, message: message! }));
    if (events.some(({ at }, index) => at < (events[index - 1]?.at ?? at))) {
      throw invalidParameter("Log events in a single PutLogEvents request must be in chronological order.");
    }
    const tooNew = events.findIndex(({ at }) => at > call.now + 2 * HOUR_MS);
    const tooOld = events.findLastIndex(({ at }) => at < call.now - 14 * DAY_MS);
    const kept = events.slice(tooOld + 1, tooNew < 0 ? undefined : tooNew);
    stream.lines.push(...kept.map((event) => ({ ...event, ingestedAt: call.now })));
    stream.lines.sort((a, b) => a.at - b.at);
    const rejected = {
      ...(tooNew >= 0 && { tooNewLogEventStartIndex: tooNew }),
      ...(tooOld >= 0 && { tooOldLogEventEndIndex: tooOld + 1 }),
    };
    return {
      nextSequenceToken: String(stream.lines.length).padStart(56, "4"),
      ...(Object.keys(rejected).length > 0 && { rejectedLogEventsInfo: rejected }),
    };
  },

  /** Pages by place in the stream; the forward token of the last page is the token it was asked with. */
  GetLogEvents(input, call) {
    const group = groups.get(call, input.logGroupName ?? groupNameIn(input.logGroupIdentifier));
    const lines = inTime(keptLines(call, group, streamOf(group, input.logStreamName)), input);
    const limit = input.limit ?? PAGE_LINES;
    const at = input.nextToken === undefined ? undefined : placeIn(input.nextToken);
    const [from, to] = at?.backward
      ? backward(lines, Math.min(at.place, lines.length), limit)
      : at || input.startFromHead
        ? forward(lines, at?.place ?? 0, limit)
        : backward(lines, lines.length, limit);
    return {
      events: lines.slice(from, to).map(({ at, message, ingestedAt }) => ({
        timestamp: at,
        message,
        ingestionTime: ingestedAt,
      })),
      nextForwardToken: `f/${String(to).padStart(56, "0")}/s`,
      nextBackwardToken: `b/${String(from).padStart(56, "0")}/s`,
    };
  },

  FilterLogEvents(input, call) {
    const group = groups.get(call, input.logGroupName ?? groupNameIn(input.logGroupIdentifier));
    const streams = Object.values(group.streams).filter(
      ({ name }) => (input.logStreamNames?.includes(name) ?? true) && name.startsWith(input.logStreamNamePrefix ?? ""),
    );
    const found = streams.flatMap((stream) =>
      inTime(keptLines(call, group, stream), input)
        .filter(({ message }) => fitsPattern(message, input.filterPattern ?? ""))
        .map((line, index) => ({ stream: stream.name, line, eventId: eventId(stream, line, index) })),
    );
    const { items, next } = paged(
      call,
      { ...input, limit: input.limit ?? PAGE_LINES },
      found,
      ({ eventId }) => eventId,
    );
    return {
      events: items.map(({ stream, line, eventId }) => ({
        logStreamName: stream,
        timestamp: line.at,
        message: line.message,
        ingestionTime: line.ingestedAt,
        eventId,
      })),
      searchedLogStreams: [],
      ...next,
    };
  },
} satisfies LogsOperations;

function shownStream(call: Call, groupName: string, { name, createdAt, lines }: LogStreamState): LogStream {
  return {
    logStreamName: name,
    creationTime: createdAt,
    ...(lines.length > 0 && {
      firstEventTimestamp: lines[0]!.at,
      lastEventTimestamp: lines.at(-1)!.at,
      lastIngestionTime: lines.at(-1)!.ingestedAt,
    }),
    uploadSequenceToken: String(lines.length).padStart(56, "4"),
    arn: `${groupArn(call, groupName)}:log-stream:${name}`,
    storedBytes: 0,
  };
}

interface Span {
  readonly startTime?: number | undefined;
  readonly endTime?: number | undefined;
}

function inTime(lines: readonly LogLine[], { startTime, endTime }: Span): LogLine[] {
  return lines.filter(({ at }) => at >= (startTime ?? 0) && at < (endTime ?? Number.POSITIVE_INFINITY));
}

type Stretch = readonly [from: number, to: number];

function forward(lines: readonly LogLine[], from: number, limit: number): Stretch {
  let to = from;
  let bytes = 0;
  while (to < lines.length && to - from < limit) {
    bytes += sizeOf(lines[to]!);
    if (bytes > PAGE_BYTES) break;
    to += 1;
  }
  return [from, to];
}

function backward(lines: readonly LogLine[], to: number, limit: number): Stretch {
  let from = to;
  let bytes = 0;
  while (from > 0 && to - from < limit) {
    bytes += sizeOf(lines[from - 1]!);
    if (bytes > PAGE_BYTES) break;
    from -= 1;
  }
  return [from, to];
}

/** AWS counts 26 bytes on top of each message. */
function sizeOf({ message }: LogLine): number {
  return Buffer.byteLength(message) + 26;
}

function placeIn(token: string): { readonly backward: boolean; readonly place: number } {
  const [, way, place] = /^([fb])\/(\d+)\/s$/.exec(token) ?? [];
  if (way === undefined) throw invalidParameter("The specified nextToken is invalid.");
  return { backward: way === "b", place: Number(place) };
}

function eventId({ name }: LogStreamState, { at }: LogLine, index: number): string {
  return `${String(at).padStart(20, "0")}${String(index).padStart(12, "0")}${Buffer.from(name).toString("hex")}`;
}

/** Terms that must all occur, `?terms` of which one must, `-terms` that must not; quotes keep a phrase together. */
function fitsPattern(message: string, pattern: string): boolean {
  const terms = [...pattern.matchAll(/([?-]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))/g)].map(([, sign, quoted, bare]) => ({
    sign,
    text: quoted?.replace(/\\(.)/g, "$1") ?? bare ?? "",
  }));
  const any = terms.filter(({ sign }) => sign === "?");
  return (
    terms.every(({ sign, text }) => sign === "?" || message.includes(text) !== (sign === "-")) &&
    (any.length === 0 || any.some(({ text }) => message.includes(text)))
  );
}
