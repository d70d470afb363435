/** A table with rules, columns as wide as their longest cell; no rows gives the header alone. */
export function renderTable(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headers.map((header, column) =>
    Math.max(width(header), ...rows.map((row) => width(row[column] ?? ''))),
  );
  const rule = `+${widths.map((size) => '-'.repeat(size + 2)).join('+')}+`;
  const line = (cells: readonly string[]) =>
    `|${widths.map((size, column) => ` ${pad(cells[column] ?? '', size)} `).join('|')}|`;
  return [rule, line(headers), rule, ...rows.map(line), ...(rows.length > 0 ? [rule] : [])].join('\n');
}

function width(text: string): number {
  return Array.from(text).length;
}

function pad(text: string, size: number): string {
  return text + ' '.repeat(Math.max(0, size - width(text)));
}
