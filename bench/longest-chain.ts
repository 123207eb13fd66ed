import type { Graph, Node } from "../src/engine/graph.ts";
import type { Span, Times } from "./aws-times.ts";

/** One thing that AWS took its time for, on the way to the end. */
export interface Link {
  readonly what: string;
  /** AWS's own, whoever asked. */
  readonly ms: number;
  /** Between the end of what it waited for and the moment it was asked for. */
  readonly lateMs: number;
}

export interface Chain {
  readonly ms: number;
  readonly links: readonly Link[];
}

interface Work {
  readonly what: string;
  readonly span: Span | undefined;
  readonly after: readonly Work[];
}

/** Start here: what the run would have taken if everything had been asked for the moment it could be. */
export function longestChain<Cloud>(
  graph: Graph<Cloud>,
  startedAt: number,
  timesOf: (node: string) => Times | undefined,
): Chain {
  const made = new Map<string, Work>();
  for (const node of graph.nodes) {
    const { id, needs, temporaries } = node;
    const after = [...needs, ...temporaries.values()].flatMap((need) => [
      made.get(need)!,
      ...spread(graph.node(need)!, node, made.get(need)!, timesOf(need)),
    ]);
    // What is imaged is stopped before, when all is done that had to be.
    const stopped = [...temporaries.values()].flatMap((held) => {
      const span = timesOf(held)?.stopped;
      return span ? [{ what: `${held} stopped`, span, after }] : [];
    });
    made.set(id, { what: id, span: timesOf(id)?.made, after: [...after, ...stopped] });
  }
  const removed = graph.nodes.flatMap(({ id, temporaries }) =>
    [...temporaries.values()].map((held) => ({
      what: `removal of ${held}`,
      span: timesOf(held)?.gone,
      after: [made.get(id)!],
    })),
  );
  return longestOf([...made.values(), ...removed], startedAt);
}

/** What makes one node wait for more than that the other is there: FSx checks rules, EC2 a profile's role. */
function spread<Cloud>(need: Node<Cloud>, of: Node<Cloud>, after: Work, times: Times | undefined): Work[] {
  const waits = [
    ["security-group", "filesystem"],
    ["instance-profile", "instance"],
  ].some(([checked, by]) => need.step.kind === checked && of.step.kind === by);
  return waits ? [{ what: `${need.id} known everywhere`, span: times?.spread, after: [after] }] : [];
}

type Ended = Chain & { readonly endedAt: number };

function longestOf(works: readonly Work[], startedAt: number): Ended {
  const nothing: Ended = { ms: 0, links: [], endedAt: startedAt };
  return works
    .map((work) => chainTo(work, startedAt))
    .reduce((longest, chain) => (chain.ms > longest.ms ? chain : longest), nothing);
}

function chainTo({ what, span, after }: Work, startedAt: number): Ended {
  const before = longestOf(after, startedAt);
  if (!span) return before;
  const { askedAt, readyAt } = span;
  const link = { what, ms: readyAt - askedAt, lateMs: askedAt - before.endedAt };
  return { ms: before.ms + link.ms, links: [...before.links, link], endedAt: readyAt };
}
