import { figureOf } from './figures.js';
import { own, ownServers } from '../support/scenario.js';
import { formatCount } from './table.js';

/** @typedef {import('./figures.js').Section} Section */

const unit = 'events per CPU second';

const width = 880;
const margin = 24;
/** Where bars begin, right of the names, and how long the longest is; right of it stands its figure. */
const barsFrom = 256;
const barsWidth = 520;
const barHeight = 16;
const rowHeight = 24;
const headHeight = 46;
const titleHeight = 40;
const gap = 20;

/** Read in the light and in the dark: an image on a page knows the reader's choice, not the page's. */
const style = `
    .page { fill: #ffffff; }
    text { font: 13px system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328; }
    .title { font-size: 16px; font-weight: 600; }
    .head { font-weight: 600; }
    .own text { font-weight: 600; }
    .reference rect { fill: #59636e; }
    .other rect { fill: #afb8c1; }
    .own rect { fill: #cf2049; }
    .fallback rect { fill: #eba0b3; }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; }
      text { fill: #f0f6fc; }
      .reference rect { fill: #9198a1; }
      .other rect { fill: #4d5661; }
      .own rect { fill: #f0476d; }
      .fallback rect { fill: #8a3a4d; }
    }
  `;

/**
 * Bars of what each server does with a second of its processor, one panel for each scenario that tells it.
 *
 * @param {readonly Section[]} sections
 * @returns {string} SVG
 */
export function renderChart(sections) {
  const shown = sections.filter(({ table, results }) => table.main.head === unit && results.length > 0);
  let y = margin + titleHeight;
  const panels = shown.map((section) => {
    const panel = renderPanel(section, y);
    y += headHeight + section.results.length * rowHeight + gap;
    return panel;
  });
  const height = y;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `  <title>${titled(unit)}</title>`,
    `  <style>${style}</style>`,
    `  <rect class="page" width="${width}" height="${height}" rx="8"/>`,
    `  <text class="title" x="${margin}" y="${margin + 18}">${titled(unit)}, more is better</text>`,
    ...panels,
    '</svg>\n',
  ].join('\n');
}

/**
 * @param {Section} section
 * @param {number} top
 */
function renderPanel(section, top) {
  const { title, results, table } = section;
  const bars = results.map(({ name }) => ({ name, value: figureOf(section, name)?.median ?? 0 }));
  const longest = Math.max(...bars.map(({ value }) => value));
  const rows = bars.map(({ name, value }, index) => {
    const y = top + headHeight + index * rowHeight;
    const baseline = y + barHeight - 3;
    const length = Math.max((value / longest) * barsWidth, 1);
    return [
      `  <g class="${kindOf(name, table.reference?.of(name))}">`,
      `    <text x="${barsFrom - 12}" y="${baseline}" text-anchor="end">${escaped(name)}</text>`,
      `    <rect x="${barsFrom}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" rx="2"/>`,
      `    <text x="${(barsFrom + length + 8).toFixed(1)}" y="${baseline}">${formatCount(value)}</text>`,
      '  </g>',
    ].join('\n');
  });
  return [`  <text class="head" x="${margin}" y="${top + 24}">${escaped(title)}</text>`, ...rows].join('\n');
}

/**
 * @param {string} name
 * @param {string | undefined} reference
 */
function kindOf(name, reference) {
  if (ownServers.includes(name)) return 'own';
  if (name.startsWith(own)) return 'fallback';
  return name === reference ? 'reference' : 'other';
}

/** @param {string} text */
function titled(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** @param {string} text */
function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
