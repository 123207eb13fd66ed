import type { Cloud } from "../aws/clients.ts";
import type { Graph } from "../engine/graph.ts";
import type { Facts } from "../environment/scope.ts";
import { newestBaseImage, readFacts } from "../facts/read-facts.ts";
import { type AmiInputs, ami } from "../steps/ami.ts";
import type { Action } from "./action.ts";
import type { Options } from "./options.ts";
import { type Session, withSession } from "./session.ts";
import { bringUp } from "./up.ts";

/** Bakes a new image when the base image or the recipe changed, or when told to, and rolls it out. */
export const bakeAmi: Action = (host, options, io) =>
  withSession(host, { verb: "bake-ami", options, io, locked: !options.dryRun, chooses: true }, async (session) =>
    bringUp(session, { options, io, facts: await factsForBake(session, options), targetsIn: bakeTargets }),
  );

/** The image, and everything that follows it. */
export function bakeTargets(graph: Graph<Cloud>): ReadonlySet<string> {
  const images = graph.nodes.filter(({ step }) => step.kind === ami.kind);
  return new Set(images.flatMap(({ id }) => [id, ...graph.downstreamOf(id)]));
}

/** The newest base image in place of the pinned one; when told to, another image even of the same. */
export async function factsForBake(session: Session, { force }: Options): Promise<Facts> {
  const [facts, baseImageId] = await Promise.all([readFacts(session), newestBaseImage(session)]);
  const forcedAt = force
    ? (begunForce(session, baseImageId) ?? new Date(session.clock.now()).toISOString())
    : baseImageId === facts.baseImageId
      ? facts.forcedAt
      : undefined;
  return { ...facts, baseImageId, forcedAt };
}

/** A forced bake that was stopped halfway is gone on with, not begun anew. */
function begunForce({ manifest }: Session, baseImageId: string): string | undefined {
  const [, record] = manifest.records.find(([, { kind }]) => kind === ami.kind) ?? [];
  if (record?.phase !== "creating") return undefined;
  // Of an earlier version any of them may be missing.
  const begun = record.inputs as Partial<AmiInputs>;
  return begun.baseImageId === baseImageId ? begun.forcedAt : undefined;
}
