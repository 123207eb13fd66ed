import type { Planned, PlannedNode } from "../engine/events.ts";

const MAKES: ReadonlySet<Planned> = new Set(["create", "replace", "confirm", "follows"]);

/** Whether the node is to be made anew; said rather once too often of one that follows another. */
export function willMake(nodes: readonly PlannedNode[], id: string): boolean {
  return nodes.some(({ node, verdict }) => node === id && MAKES.has(verdict));
}
