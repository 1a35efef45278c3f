import type { Row } from './board.js';

/** What was done to an instance. */
export interface Mark {
  readonly instance: string;
  readonly at: number;
  readonly sign: string;
}

const bars = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const mostColumns = 60;

/** How many rows each instance imported in each second, a line for each of them. */
export function chart(instances: readonly string[], rows: readonly Row[], marks: readonly Mark[]): string[] {
  const times = rows.map(({ at }) => at);
  const start = Math.min(...times);
  const seconds = Math.max(1, Math.ceil((Math.max(...times) - start) / 1_000 / mostColumns));
  const columnOf = (at: number): number => Math.max(0, Math.floor((at - start) / 1_000 / seconds));
  const columns = columnOf(Math.max(...times)) + 1;
  const counts = new Map(instances.map((name) => [name, Array.from({ length: columns }, () => 0)]));
  for (const { at, instance } of rows) {
    const line = counts.get(instance);
    const column = columnOf(at);
    if (line) line[column] = (line[column] ?? 0) + 1;
  }
  const most = Math.max(1, ...[...counts.values()].flat());
  const lines = [...counts].map(([name, line]) => {
    const cells = line.map((count) => bars[Math.ceil((count / most) * (bars.length - 1))] ?? '');
    for (const { instance, at, sign } of marks) if (instance === name) cells[columnOf(at)] = sign;
    const sum = line.reduce((total, count) => total + count, 0);
    return `${name.padEnd(6)} ${cells.join('')} ${sum} rows`;
  });
  const width = `0 s${`${columns * seconds} s`.padStart(Math.max(0, columns - 3))}`;
  return [...lines, `${' '.repeat(7)}${width}`];
}
