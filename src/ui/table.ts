import truncate from "cli-truncate";
import stringWidth from "string-width";
import wrap from "wrap-ansi";

type PaintCell = (text: string, row: number, column: number) => string;

/** How a table is made to fit a terminal: one column is cut in its middle, and the last one goes on in further lines. */
export interface Fit {
  /** Undefined: as wide as it is. */
  readonly columns: number | undefined;
  readonly cut: number;
}

const GAP = 2;
/** Less of a cell says nothing. */
const LEAST_CUT = 12;
const LEAST_LAST = 20;

/**
 * Aligned columns, two spaces apart, with the lines of each row. Colours go on afterwards, so that they do not count as
 * width; a wide character, as Chinese ones are, counts for two.
 */
export function table(
  rows: readonly (readonly string[])[],
  paintCell: PaintCell = (text) => text,
  fit?: Fit,
): readonly (readonly string[])[] {
  const widths = fitted(widthsOf(rows), fit);
  return rows.map((cells, row) => rowOf(cells, widths, (text, column) => paintCell(text, row, column), fit));
}

function widthsOf(rows: readonly (readonly string[])[]): readonly number[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  return Array.from({ length: columns }, (_, column) =>
    rows.reduce((width, row) => Math.max(width, stringWidth(row[column] ?? "")), 0),
  );
}

/** The last column gives way first, then the one that may be cut; a terminal too narrow for both is not fitted further. */
function fitted(widths: readonly number[], { columns = Number.POSITIVE_INFINITY, cut = -1 }: Partial<Fit> = {}) {
  const last = widths.length - 1;
  const over = (now: readonly number[]) => now.reduce((sum, width) => sum + width + GAP, -GAP) - columns;
  const narrowed = (now: readonly number[], column: number, least: number) =>
    now.map((width, at) =>
      at === column && over(now) > 0 ? Math.max(Math.min(width, least), width - over(now)) : width,
    );
  return narrowed(narrowed(widths, last, LEAST_LAST), cut, LEAST_CUT);
}

function rowOf(
  cells: readonly string[],
  widths: readonly number[],
  paint: (text: string, column: number) => string,
  fit: Fit | undefined,
): readonly string[] {
  const last = widths.length - 1;
  const before = cells.slice(0, last).map((text, column) => {
    const width = widths[column]!;
    const shown = column === fit?.cut ? truncate(text, width, { position: "middle" }) : text;
    return `${shown === "" ? "" : paint(shown, column)}${" ".repeat(Math.max(0, width - stringWidth(shown)) + GAP)}`;
  });
  const [first = "", ...more] = linesIn(cells[last] ?? "", widths[last] ?? 0).map((text) =>
    text === "" ? "" : paint(text, last),
  );
  const indent = " ".repeat(widths.slice(0, last).reduce((sum, width) => sum + width + GAP, 0));
  return [`${before.join("")}${first}`.trimEnd(), ...more.map((line) => `${indent}${line}`)];
}

function linesIn(text: string, width: number): readonly string[] {
  return stringWidth(text) <= width ? [text] : wrap(text, width, { hard: true }).split("\n");
}
