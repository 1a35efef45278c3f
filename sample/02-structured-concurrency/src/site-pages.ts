/** How a page answers. */
export type PageKind =
  /** After a moment. */
  | 'quick'
  /** After three moments. */
  | 'slow'
  /** With a 503 when it is asked for the first time, then as it should. */
  | 'flaky'
  /** With a 500, always. */
  | 'failing'
  /** Half of it, and then the connection is gone. */
  | 'cut'
  /** Never. */
  | 'silent';

export const pageCount = 60;

const slowPages = [4, 12, 20, 28, 36, 52];

const kinds: ReadonlyMap<number, PageKind> = new Map([
  ...slowPages.map((page) => [page, 'slow'] as const),
  [33, 'flaky'],
  [37, 'silent'],
  [44, 'failing'],
  [48, 'flaky'],
  [51, 'cut'],
]);

export function kindOf(page: number): PageKind {
  return kinds.get(page) ?? 'quick';
}

export function pathOf(page: number): string {
  return page === 0 ? '/' : `/pages/${page}`;
}

/** The number of a page, or `undefined` when the site has no such page. */
export function pageAt(path: string): number | undefined {
  if (path === '/') return 0;
  const page = Number(/^\/pages\/([1-9]\d*)$/.exec(path)?.[1]);
  return page < pageCount ? page : undefined;
}

/** A tree, so that every page can be reached, and links across it, so that most are found more than once. */
export function linksOf(page: number): string[] {
  const linked = [2 * page + 1, 2 * page + 2, (7 * page + 3) % pageCount, (page * page) % pageCount];
  const paths = linked.filter((other) => other < pageCount).map(pathOf);
  if (page === 10) paths.push(pathOf(pageCount)); // leads nowhere
  if (page === 11) paths.push('https://example.com/'); // leads away
  return [...new Set(paths)];
}

const words = ['amber', 'birch', 'cedar', 'delta', 'ember', 'fjord', 'grove', 'heath'];

/** The text of a page: 20 to 59 words. */
function textOf(page: number): string {
  const length = 20 + ((page * 11) % 40);
  return Array.from({ length }, (_, index) => words[(page * 3 + index * 5) % words.length]).join(' ');
}

export function htmlOf(page: number): string {
  const links = linksOf(page).map((href) => `<li><a href="${href}"></a></li>`);
  return `<!doctype html><title></title><p>${textOf(page)}</p><ul>${links.join('')}</ul>`;
}
