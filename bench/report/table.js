/**
 * A table of Markdown, with its columns aligned as Prettier would have them: names left, figures right.
 *
 * @param {readonly string[]} head
 * @param {readonly (readonly string[])[]} rows
 */
export function markdownTable(head, rows) {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0), 3),
  );
  /** @param {readonly string[]} cells */
  const line = (cells) =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`;
  const rule = widths.map((width, column) =>
    column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

/**
 * Three digits that count: more would be noise.
 *
 * @param {number} value
 */
export function formatCount(value) {
  return Number(value.toPrecision(3)).toLocaleString('en-US').replaceAll(',', ' ');
}

/** @param {number} value */
export function formatRatio(value) {
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
