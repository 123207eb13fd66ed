import type { Result } from "../actions/result.ts";
import type { Cloud } from "../aws/clients.ts";
import type { OwnedResource } from "../engine/owned.ts";
import { nodeInJson, type Said } from "../log/lines.ts";
import { runInShort } from "../log/run-in-short.ts";

/** What an action tells of itself; a policy is a document of its own. */
export type Told = Exclude<Result, { readonly type: "policy" }>;

/** A result in lines for programs, and for the log of the run. */
export function resultInJson(result: Told): readonly Said[] {
  switch (result.type) {
    case "history":
      return result.runs.map(({ environment, lines }, index) => {
        const { began, ended, words } = runInShort(lines);
        const { verb = "", at = 0 } = began ?? {};
        return {
          type: "run",
          number: index + 1,
          environment,
          verb,
          at,
          ms: ended?.ms,
          exitCode: ended?.exitCode,
          words,
        };
      });
    case "run":
      return result.run.lines;
    default:
      return [lineOf(result)];
  }
}

function lineOf(result: Exclude<Told, { readonly type: "history" | "run" }>): Said {
  switch (result.type) {
    case "plan": {
      const { idle, nodes, removals, left, unseen } = result.plan;
      const told = nodes.map(nodeInJson);
      return { type: "plan", idle, nodes: told, removals: removals.map(inShort), left: left.map(inShort), unseen };
    }
    case "idle":
      return { type: "idle", left: result.left, unseen: result.plan.unseen };
    case "up": {
      const { name, region, account, failures, left } = result;
      const nodes = Object.fromEntries(result.nodes.map(({ node, ...ended }) => [node, ended]));
      return { type: "up", name, region, account, failed: failures.length, left, nodes };
    }
    case "removal": {
      const { name, region, account, jobs, things, unseen } = result;
      return { type: "removal", name, region, account, jobs, things: things.map(thingInJson), unseen };
    }
    case "removed": {
      const { name, region, account, left, unseen, accountsOwn } = result;
      return { type: "removed", name, region, account, left: left.map(thingInJson), unseen, accountsOwn };
    }
    case "refused-nodes":
      return {
        type: "refused-nodes",
        nodes: result.nodes.map((word) => ({ ...word, at: word.at.toISOString() })),
      };
  }
}

export function inShort({ step, found }: OwnedResource<Cloud>) {
  return { kind: step.kind, node: found.node, ref: found.ref };
}

function thingInJson(thing: OwnedResource<Cloud>) {
  return { ...inShort(thing), holdsData: thing.step.protect ?? false };
}
