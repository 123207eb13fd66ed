/** Aligned columns, two spaces apart; colours go on afterwards, so that they do not count as width. */
export function table(
  rows: readonly (readonly string[])[],
  paintCell: (text: string, row: number, column: number) => string = (text) => text,
): readonly string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    rows.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), 0),
  );
  return rows.map((cells, row) =>
    cells
      .map((text, column) => {
        const gap = column < columns - 1 ? " ".repeat(widths[column]! - text.length + 2) : "";
        return `${text === "" ? "" : paintCell(text, row, column)}${gap}`;
      })
      .join("")
      .trimEnd(),
  );
}
