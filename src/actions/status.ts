import { environment } from "../environment/index.ts";
import { readFacts } from "../facts/read-facts.ts";
import type { Action } from "./action.ts";
import { tellRefusedNodes } from "./refused-nodes.ts";
import type { PlanResult } from "./result.ts";
import { withSession } from "./session.ts";

/** What there is beside what should be: `decide` for every node, without acting. */
export const status: Action = (host, options, io) =>
  withSession(host, { verb: "status", options, io, locked: false, chooses: true }, async (session) => {
    const graph = environment(session.config, await readFacts(session));
    const result: PlanResult = { type: "plan", plan: await session.engine(graph).plan(), dryRun: false };
    await io.result(result);
    await tellRefusedNodes(session, io);
    return result;
  });
