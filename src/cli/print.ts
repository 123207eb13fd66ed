import type { RemovalResult, RemovedResult, Result, UpResult } from "../actions/result.ts";
import { sizeOf } from "../aws/caller-policy.ts";
import type { Cloud } from "../aws/clients.ts";
import type { NodeWord } from "../aws/node-words.ts";
import type { PlannedNode } from "../engine/events.ts";
import type { OwnedResource, Unseen } from "../engine/owned.ts";
import type { Plan } from "../engine/plan.ts";
import { written } from "../log/lines.ts";
import { renderGantt, renderHistory, renderRun } from "../ui/history.ts";
import { renderPlan } from "../ui/plan.ts";
import type { Sheet } from "../ui/sheet.ts";
import { renderSummary } from "../ui/summary.ts";
import { linesOf } from "../ui/words.ts";
import { inShort, resultInJson } from "./json.ts";

/** A result as text for people, or as one line of JSON for programs. */
export function printed(result: Result, { json, ...sheet }: Sheet & { readonly json: boolean }): string {
  // A policy is a document of its own, whoever reads it.
  if (result.type === "policy") return `${JSON.stringify(result.document, undefined, 2)}\n`;
  if (json) return resultInJson(result).map(written).join("");
  const text = inWords(result, sheet);
  return text.endsWith("\n") ? text : `${text}\n`;
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const MANAGED_POLICY = 6_144;

/** What is to be said beside a result, where it cannot be said in it. */
export function remarkOn(result: Result): string | undefined {
  const size = result.type === "policy" ? sizeOf(result.document) : 0;
  return size > MANAGED_POLICY
    ? `it has ${size} characters, and a managed policy may have ${MANAGED_POLICY}: attach it inline to a role, or in two\n`
    : undefined;
}

function inWords(result: Exclude<Result, { readonly type: "policy" }>, sheet: Sheet): string {
  switch (result.type) {
    case "plan":
      return planInWords(result.plan, sheet);
    case "idle": {
      const alone = result.left.length > 0 ? ["left as it is:", ...result.left.map((line) => `  ${line}`)] : [];
      return ["nothing to do", ...alone, ...notLookedFor(result.plan.unseen, UNUSED)].join("\n");
    }
    case "up":
      return upInWords(result, sheet);
    case "removal":
      return removalInWords(result);
    case "removed":
      return removedInWords(result);
    case "history":
      return renderHistory(result.runs, sheet);
    case "run":
      return (result.gantt ? renderGantt : renderRun)(result.run.lines, sheet);
    case "refused-nodes":
      return refusedNodesInWords(result.nodes);
  }
}

/** In the words of `notLookedFor`: what `up` would remove, and what an environment has. */
const UNUSED = "what is no longer used";
const TAGGED = "what carries its tags";

/** What could not be seen, in AWS's words; nothing where everything was. */
function notLookedFor(unseen: readonly Unseen[], what: string): readonly string[] {
  const line = ({ kind, words, byName }: Unseen) =>
    `  ${kind.padEnd(20)} ${words}${byName ? " (looked for by the names that bootstrap gives)" : ""}`;
  return unseen.length > 0
    ? [`${what} was not looked for everywhere, because AWS does not allow it:`, ...unseen.map(line)]
    : [];
}

function planInWords({ nodes, removals, left, unseen }: Plan<Cloud>, sheet: Sheet): string {
  const rows: PlannedNode[] = [
    ...nodes.filter(({ verdict, ref }) => verdict !== "temporary" || ref !== undefined),
    ...removals.map((thing) => ({ ...inShort(thing), verdict: "remove" as const, reason: "no longer used" })),
    ...left.map((thing) => ({
      ...inShort(thing),
      verdict: "keep" as const,
      reason: "no longer used, and it costs, but it may hold data",
    })),
  ];
  return [renderPlan(rows, sheet), ...notLookedFor(unseen, UNUSED)].join("\n");
}

function upInWords(result: UpResult, sheet: Sheet): string {
  const { name, region, account, failures, facts, next, left } = result;
  const ended =
    failures.length > 0
      ? { headline: `${name} is not up yet in ${region}: ${failures.length} failed`, left }
      : { headline: `${name} is up in ${region} (account ${account})${takenOver(result)}`, facts, next, left };
  return renderSummary(ended, sheet);
}

/** Where nothing was done but to write down what stood, because the manifest was lost. */
function takenOver({ plan, nodes }: UpResult): string {
  const adopted = nodes.filter(({ outcome }) => outcome === "adopted").length;
  const isAll = nodes.every(({ outcome }) => ["adopted", "kept", "unneeded"].includes(outcome));
  if (adopted === 0 || !isAll || plan.removals.length > 0) return "";
  return `: nothing to do, ${adopted} things that stand were written into a new manifest`;
}

function removalInWords({ name, region, things, jobs, unseen }: RemovalResult): string {
  const lines = [`to be removed of ${name} in ${region}:`, ...things.map(thingInWords), ...jobsInWords(jobs)];
  return [...lines, ...notLookedFor(unseen, TAGGED)].join("\n");
}

function jobsInWords(jobs: number | string): readonly string[] {
  if (typeof jobs === "string")
    return [`jobs that the queue may hold will be ended; they could not be counted: ${jobs}`];
  return jobs > 0 ? [`${jobs} job${jobs === 1 ? "" : "s"} in the queue will be ended`] : [];
}

/** The last word: everything is gone; or, where AWS did not allow a look, that something may be left. */
function removedInWords(result: RemovedResult): string {
  const { name, region, account, nothing, left, unseen, accountsOwn = [] } = result;
  const place = `${name} in ${region}, account ${account}`;
  const hidden = unseen.some(({ byName }) => !byName);
  const all = nothing
    ? [`nothing of ${place} is there`]
    : [
        `nothing is left of ${place}: looked for everything with its tags, and found nothing`,
        ...(accountsOwn.length > 0
          ? [`left alone, because they are the account's own and cost nothing: ${accountsOwn.join(", ")}`]
          : []),
      ];
  const first =
    left.length > 0
      ? [`still there of ${place}:`, ...left.map(thingInWords)]
      : hidden
        ? [`nothing that may be seen is left of ${name} in ${region}`]
        : all;
  return [...first, ...notLookedFor(unseen, TAGGED)].join("\n");
}

function thingInWords({ step, found }: OwnedResource<Cloud>): string {
  const data = !found.owned ? "  (its tags are gone: it stays)" : step.protect ? "  (holds data)" : "";
  return `  ${step.kind.padEnd(20)} ${found.ref}${data}`;
}

/** Each as often as it was said, the latest node's name and time beside it. */
const MOST_SHOWN = 3;

function refusedNodesInWords(said: readonly NodeWord[]): string {
  const nodes = new Set(said.map(({ instanceId }) => instanceId)).size;
  const latest = new Map(said.map((word) => [word.words, word]));
  const lines = [...latest.values()]
    .sort((a, b) => b.at.getTime() - a.at.getTime())
    .slice(0, MOST_SHOWN)
    .map(({ instanceId, at, words }) => `  ${instanceId} at ${shown(at)}: ${linesOf(words).join(" ")}`);
  const head =
    nodes === 1
      ? "1 node of the last 24 hours was not fit for jobs and ended; it said:"
      : `${nodes} nodes of the last 24 hours were not fit for jobs and ended; they said:`;
  return ["", head, ...lines].join("\n");
}

function shown(at: Date): string {
  return `${at.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
