import stringWidth from "string-width";
import { describe, expect, it } from "vitest";
import { type Fit, table } from "../../src/ui/table.ts";

const ARN = "arn:aws:batch:us-east-1:123456789012:compute-environment/demux";
const ROWS = [
  ["NODE", "REF", "REASON"],
  ["queue", ARN, "priority: 1 -> 10, and what it stands on is to be replaced"],
  ["数据盘", "fs-1", "as it should be"],
];
const asText = (rows: typeof ROWS, fit?: Fit) =>
  table(rows, (text) => text, fit)
    .flat()
    .join("\n");

describe("a table", () => {
  it("counts a wide character for two, so that columns stay columns", () => {
    expect(asText([ROWS[0]!, ROWS[2]!])).toBe(["NODE    REF   REASON", "数据盘  fs-1  as it should be"].join("\n"));
  });

  it("is as wide as it is where nothing is to be fitted, as in a pipe", () => {
    expect(asText(ROWS, { columns: undefined, cut: 1 })).toBe(asText(ROWS));
    expect(asText(ROWS)).toContain(ARN);
  });

  it.each([60, 80, 120, 200])("in a terminal of %i columns breaks no line", (columns) => {
    const lines = table(ROWS, (text) => text, { columns, cut: 1 }).flat();
    expect(Math.max(...lines.map((line) => stringWidth(line)))).toBeLessThanOrEqual(columns);
    const words = lines.join(" ").split(/ +/);
    for (const word of "priority: 1 -> 10, and what it stands on is to be replaced".split(" "))
      expect(words).toContain(word);
  });

  it("cuts a reference in its middle, and goes on with the last column below itself", () => {
    expect(asText(ROWS, { columns: 60, cut: 1 })).toBe(
      [
        "NODE    REF                             REASON",
        "queue   arn:aws:batch:u…ironment/demux  priority: 1 -> 10,",
        "                                        and what it stands",
        "                                        on is to be replaced",
        "数据盘  fs-1                            as it should be",
      ].join("\n"),
    );
  });

  it("is painted after it was fitted", () => {
    const [head = []] = table(ROWS, (text) => `<${text}>`, { columns: 60, cut: 1 });
    expect(head[0]).toBe("<NODE>    <REF>                             <REASON>");
  });
});
