import { describe, expect, it } from "vitest";
import { type Table, World } from "../../sandbox/world.ts";

interface Thing {
  count: number;
  parts: string[];
}

function fresh(): { world: World; table: Table<Thing> } {
  const world = World.fresh(1, { virtualMs: 0, wallMs: 0, speed: 1 });
  const table = world.table<Thing>("batch-jobs", "us-east-1");
  table.set("a", { count: 1, parts: [] });
  table.set("b", { count: 2, parts: [] });
  world.commit();
  return { world, table };
}

const reread = (world: World) => World.parse(world.toText()).table<Thing>("batch-jobs", "us-east-1");

describe("a table of the world", () => {
  it("is kept row by row, in the order they came, and is there again when the world is read", () => {
    const { world, table } = fresh();
    table.get("a")!.parts.push("deep");
    table.get("b")!.count = 3;
    expect(world.commit()).toBe(true);
    expect([...reread(world).all()]).toEqual([
      { count: 1, parts: ["deep"] },
      { count: 3, parts: [] },
    ]);
  });

  it("has changed only when something differs", () => {
    const { world, table } = fresh();
    table.get("a")!.count = 1;
    expect(world.commit()).toBe(false);
    table.delete("a");
    expect(world.commit()).toBe(true);
    expect([table.look("a"), reread(world).look("a"), reread(world).look("b")?.count]).toEqual([
      undefined,
      undefined,
      2,
    ]);
  });

  it("forgets what was done to it when the request is refused", () => {
    const { world, table } = fresh();
    table.get("a")!.parts.push("deep");
    table.delete("b");
    table.set("c", { count: 4, parts: [] });
    world.rollback();
    expect([...table.all()]).toEqual([
      { count: 1, parts: [] },
      { count: 2, parts: [] },
    ]);
    expect(world.commit()).toBe(false);
  });

  it("tells what is new: rows that came, went, or had a member set, however late", () => {
    const { world, table } = fresh();
    expect(table.news()).toEqual(["a", "b"]);
    const a = table.get("a")!;
    expect(table.news()).toEqual([]);
    a.count = 7;
    expect(table.news()).toEqual(["a"]);
    table.delete("b");
    expect(table.news()).toEqual(["b"]);
    world.rollback();
    expect([...table.news()].sort()).toEqual(["a", "b"]);
  });
});
