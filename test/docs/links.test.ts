import { describe, expect, test } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { documents, ROOT } from './support/documents.js';

const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { files: string[] };

/** Relative links, pictures too. */
function linksOf(text: string): string[] {
  return [...text.matchAll(/\]\((?!https?:)([^)]+)\)/g)].map(([, link = '']) => link);
}

describe.each(documents)('the links of $path', ({ path, text }) => {
  test('lead to a heading that exists', () => {
    const broken = linksOf(text).filter((link) => {
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? join(ROOT, path) : join(ROOT, path, '..', file);
      if (!existsSync(target)) return true;
      return anchor !== undefined && !anchorsOf(readFileSync(target, 'utf8')).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  test('lead to files that the tarball holds', () => {
    const targets = linksOf(text)
      .map((link) => link.replace(/#.*/, ''))
      .filter((file) => file !== '')
      .map((file) => posix.join(posix.dirname(path), file));
    // npm packs the README in any case.
    const packed = (target: string): boolean =>
      target === 'README.md' || files.includes(target.replace(/^docs\/[\w-]+\.md$/, 'docs/*.md'));
    expect(targets.filter((target) => !packed(target))).toEqual([]);
  });

  test('the README points at it', () => {
    expect(path === 'README.md' || documents[0]?.text.includes(`(${path}`)).toBe(true);
  });
});

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
}
