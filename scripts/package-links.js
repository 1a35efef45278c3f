/**
 * Relative links of the pages in the tarball must lead to files in it, and to headings that are there. A registry's page and
 * an installed package have nothing else.
 *
 * Part of `npm run check:package`.
 */
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

/**
 * @param {string} root
 * @param {string[]} files those in the tarball
 */
export function checkLinks(root, files) {
  const pages = files.filter((file) => file.endsWith('.md'));
  const headings = new Map(pages.map((page) => [page, headingsOf(readFileSync(join(root, page), 'utf8'))]));
  const broken = pages.flatMap((page) =>
    linksOf(readFileSync(join(root, page), 'utf8'))
      .filter((link) => {
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? page : posix.join(posix.dirname(page), path);
        if (!files.includes(target)) return true;
        return anchor !== undefined && headings.get(target)?.has(anchor) === false;
      })
      .map((link) => `${page}: ${link}`),
  );
  if (broken.length > 0) throw new Error(`Links that lead nowhere in the tarball:\n${broken.join('\n')}`);
}

/**
 * Of links, pictures and definitions, those without a scheme. What stands in code is no link.
 *
 * @param {string} text
 */
function linksOf(text) {
  const prose = text.replace(/^( *)(`{3,})[^]*?^\1\2`*$/gm, '').replace(/`[^`\n]*`/g, '');
  const inline = [...prose.matchAll(/\]\(\s*<?([^\s)>]+)/g)].map(([, link = '']) => link);
  const defined = [...prose.matchAll(/^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)/gm)].map(([, link = '']) => link);
  const html = [...prose.matchAll(/<(?:a|img)\b[^>]*?(?:href|src)="([^"]+)"/g)].map(([, link = '']) => link);
  return [...inline, ...defined, ...html].filter((link) => !/^(?:[a-z][\w+.-]*:|\/\/)/i.test(link));
}

/**
 * The anchors that registries and repositories give headings.
 *
 * @param {string} text
 */
function headingsOf(text) {
  /** @type {Map<string, number>} */
  const seen = new Map();
  const prose = text.replace(/^( *)(`{3,})[^]*?^\1\2`*$/gm, '');
  const anchors = [...prose.matchAll(/^#{1,6} +(.+?) *#*$/gm)].map(([, heading = '']) => {
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  });
  return new Set(anchors);
}
