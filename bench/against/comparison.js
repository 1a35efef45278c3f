import { figureOf, ratiosOf } from '../report/figures.js';
import { isMet, wanted } from '../report/goals.js';
import { formatCount, markdownTable } from '../report/table.js';
import { otherRow } from './other-build.js';

const introduction = `Each ratio is that of two figures of the same round: ours ÷ the other build's, and the other way round where less is better. So 1.00
is alike, and less is worse. What is told is the median over all rounds, and the spread is that between the lowest and the highest.`;

/** What is held to more than the rest. @type {Record<string, number>} */
const bounds = { tasks: 0.97 };

/**
 * How the package does beside another build of it.
 *
 * @param {readonly import('../report/figures.js').Section[]} sections
 */
export function renderComparison(sections) {
  const heads = ['', 'figure', 'ours', 'other build', 'ratio', 'spread', 'wanted', ''];
  return `${introduction}\n\n${markdownTable(heads, sections.flatMap(compare))}\n`;
}

/** @param {import('../report/figures.js').Section} section */
function compare(section) {
  const { name: scenario, results, table } = section;
  const bound = { atLeast: bounds[scenario] ?? 0.95 };
  return results.flatMap(({ name }) =>
    [table.main, ...table.beside].flatMap((column) => {
      const pair = column.better === 'more' ? [name, otherRow(name)] : [otherRow(name), name];
      const ratios = column.better && ratiosOf(section, pair[0], pair[1], column);
      if (!ratios) return [];
      const medians = [name, otherRow(name)].map(
        (row) => figureOf(section, row, column)?.median ?? Number.NaN,
      );
      return [
        [
          `${scenario}: ${name}`,
          column.head,
          ...medians.map(formatCount),
          ratios.median.toFixed(3),
          `${ratios.min.toFixed(3)} – ${ratios.max.toFixed(3)}`,
          wanted(bound),
          isMet(ratios.median, bound) ? 'met' : '**missed**',
        ],
      ];
    }),
  );
}
