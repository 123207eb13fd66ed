import { beforeEach, describe, expect, it } from "vitest";
import { Graph, type Handle } from "../../src/engine/graph.ts";
import { type ToyCloud, type ToyInputs, toyStep } from "./toy-cloud.ts";

let graph: Graph<ToyCloud>;
beforeEach(() => {
  graph = new Graph();
});

type Needs = Readonly<Record<string, Handle<{ readonly ref: string }>>>;

function add(id: string, needs: Needs = {}, temporary: Needs = {}) {
  return graph.add(id, toyStep(id), { needs, temporary, inputs: (outputs): ToyInputs => ({ ...outputs }) });
}

describe("a graph", () => {
  it("keeps its nodes in the order they were written, with what each needs", () => {
    const group = add("group");
    const disk = add("disk", { net: group });
    add("queue", { fs: disk, net: group });
    expect(graph.nodes.map(({ id, needs }) => [id, needs])).toEqual([
      ["group", []],
      ["disk", ["group"]],
      ["queue", ["disk", "group"]],
    ]);
    expect(graph.node("disk")?.step.kind).toBe("disk");
    expect(graph.node("image")).toBeUndefined();
  });

  it("hands a node the outputs of what it needs, by the names it gave them, and no others", () => {
    const group = add("group");
    add("disk", { net: group });
    const outputs = new Map([
      ["group", { ref: "group-1" }],
      ["queue", { ref: "queue-1" }],
    ]);
    expect(graph.node("disk")?.inputs(outputs)).toEqual({ net: { ref: "group-1" } });
  });

  it("refuses two nodes of one name", () => {
    add("disk");
    expect(() => add("disk")).toThrow("two nodes named disk");
  });

  it("refuses a handle of another graph, so that whatever is needed was placed before", () => {
    const elsewhere = new Graph<ToyCloud>().add("group", toyStep("group"), { inputs: () => ({}) });
    expect(() => add("disk", { net: elsewhere })).toThrow("disk names group, which is not in this graph");
    expect(() => add("image", {}, { builder: elsewhere })).toThrow("image names group");
  });
});

describe("a temporary node", () => {
  it("has one owner, which knows it by a name of its own", () => {
    const builder = add("builder");
    add("image", {}, { machine: builder });
    expect(graph.ownerOf("builder")).toBe("image");
    expect(graph.ownerOf("image")).toBeUndefined();
    expect([...(graph.node("image")?.temporaries ?? [])]).toEqual([["machine", "builder"]]);
  });

  it("cannot be shared", () => {
    const builder = add("builder");
    add("image", {}, { machine: builder });
    expect(() => add("container", {}, { machine: builder })).toThrow(
      "builder is temporary for image and for container: it can have one owner",
    );
  });
});

describe("what is downstream of a node", () => {
  it("is everything that needs it, directly, over others or over a temporary node", () => {
    const group = add("group");
    const builder = add("builder", { group });
    const image = add("image", {}, { builder });
    add("queue", { image });
    add("logs");
    expect([...graph.downstreamOf("group")]).toEqual(["builder", "image", "queue"]);
    expect([...graph.downstreamOf("image")]).toEqual(["queue"]);
    expect([...graph.downstreamOf("queue")]).toEqual([]);
  });
});

describe("a node", () => {
  it("keeps no older generations and pins nothing unless it is said", () => {
    add("disk");
    graph.add("image", toyStep("image"), {
      ...{ inputs: () => ({ base: "ami-2" }), keep: 2 },
      pins: ({ base }: ToyInputs) => ({ baseImage: String(base) }),
    });
    expect(graph.node("disk")).toMatchObject({ keep: 0 });
    expect(graph.node("disk")?.pins).toBeUndefined();
    expect(graph.node("image")?.keep).toBe(2);
    expect(graph.node("image")?.pins?.({ base: "ami-2" })).toEqual({ baseImage: "ami-2" });
  });
});
