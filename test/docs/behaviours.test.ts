import { describe, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { inOneProcess } from '../support/app/store.js';
import { ROOT } from './support/documents.js';

const number = String.raw`(?:[AS]\d+|[A-Z]{2}\.\d{3})`;

/** The numbers that a title begins with. */
function numbersOf(title: string): string[] {
  return new RegExp(`^(?:${number} )+`).exec(title)?.[0].trimEnd().split(' ') ?? [];
}

interface Titled {
  /** Of the test or the `describe()` block, and where it stands. */
  readonly title: string;
  readonly place: string;
  readonly numbers: readonly string[];
  /** Whether it is a test, of which no block around it has a number either. */
  readonly isUnnumbered: boolean;
  /** Why it runs in one process alone, if it does. */
  readonly reason: string | undefined;
}

/** All tests and blocks of a file below `test/`. */
function titlesOf(file: string): Titled[] {
  const source = ts.createSourceFile(
    file,
    readFileSync(join(ROOT, 'test', file), 'utf8'),
    ts.ScriptTarget.Latest,
  );
  const found: Titled[] = [];
  const visit = (node: ts.Node, isInNumbered: boolean): void => {
    let isNumbered = isInNumbered;
    const [title] = ts.isCallExpression(node) ? node.arguments : [];
    const callee = ts.isCallExpression(node) ? calleeOf(node) : '';
    if (title && (isTest(callee) || callee.startsWith('describe'))) {
      const text = ts.isStringLiteralLike(title) ? title.text : '';
      const numbers = numbersOf(text);
      const { line } = source.getLineAndCharacterOfPosition(title.getStart(source));
      isNumbered ||= numbers.length > 0;
      const isUnnumbered = !isNumbered && !callee.startsWith('describe');
      const reason = callee.endsWith('InProcess') ? reasonOf(node as ts.CallExpression) : undefined;
      found.push({ title: text, place: `test/${file}:${line + 1}`, numbers, isUnnumbered, reason });
    }
    ts.forEachChild(node, (child) => visit(child, isNumbered));
  };
  visit(source, false);
  return found;

  function isTest(callee: string): boolean {
    return callee === 'it' || callee === 'test' || callee === 'itInProcess';
  }

  /** `inOneProcess.log`, in words. */
  function reasonOf({ arguments: [, reason] }: ts.CallExpression): string {
    const name = reason && ts.isPropertyAccessExpression(reason) ? reason.name.text : '';
    return Object.entries(inOneProcess).find(([key]) => key === name)?.[1] ?? 'none';
  }

  /** `it` of `it(…)`, `it.each(…)(…)` and `it.each<T>(…)(…)`; of `it.each(…)` alone it is nothing. */
  function calleeOf({ expression }: ts.CallExpression): string {
    if (ts.isIdentifier(expression)) return expression.text;
    return (
      /^(it|test|describe)\.each\b/.exec(
        ts.isCallExpression(expression) ? expression.getText(source) : '',
      )?.[1] ?? ''
    );
  }
}

const files = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.test.ts'));
const titles = files.flatMap(titlesOf);
const ofConformance = titles.filter(({ place }) => place.startsWith('test/conformance/'));

const catalogue = readFileSync(join(ROOT, 'test/conformance/BEHAVIOURS.md'), 'utf8');
const entries = [...catalogue.matchAll(/^- \*\*([^*]+)\*\* /gm)].map(([, entry = '']) => entry);

describe('the catalogue of behaviours', () => {
  test('has each number once, in order within its group', () => {
    expect(new Set(entries).size).toBe(entries.length);
    for (const entry of entries) expect(numbersOf(`${entry} `)).toEqual([entry]);
    for (const section of catalogue.split(/^###? /m)) {
      const own = [...section.matchAll(/^- \*\*\D+(\d+)\*\* /gm)].map(([, digits]) => Number(digits));
      expect(own).toEqual(own.toSorted((one, other) => one - other));
    }
  });

  test('has every number that a title cites', () => {
    const unknown = titles.flatMap(({ place, numbers }) =>
      numbers.filter((cited) => !entries.includes(cited)).map((cited) => `${place}: ${cited}`),
    );
    expect(unknown).toEqual([]);
  });

  test('has no behaviour without a test in test/conformance/', () => {
    const tested = new Set(ofConformance.flatMap(({ numbers }) => numbers));
    expect(entries.filter((entry) => !tested.has(entry))).toEqual([]);
  });

  test('has the behaviour of every test in test/conformance/', () => {
    const unnumbered = ofConformance.filter(({ isUnnumbered }) => isUnnumbered);
    expect(unnumbered.map(({ place, title }) => `${place}: ${title}`)).toEqual([]);
  });

  test('lists what is shown for one process alone, with the promise of the documentation', () => {
    const [, section = ''] = catalogue.split('## In one process only');
    const listed = [...section.matchAll(/^\| ([^|`]+?) +\| `(.+?)` +\|$/gm)].map(
      ([, cited, why]) => `${cited}: ${why}`,
    );
    const shown = ofConformance
      .filter(({ reason }) => reason !== undefined)
      .map(({ numbers, reason }) => `${numbers.join(' ')}: ${reason}`);
    expect(listed.toSorted()).toEqual([...new Set(shown)].toSorted());
    const page = readFileSync(join(ROOT, 'docs/many-instances.md'), 'utf8');
    for (const reason of Object.values(inOneProcess)) expect(page).toContain(reason);
  });

  test('names the next free number of cancellation', () => {
    const taken = entries.filter((entry) => entry.includes('.')).map((entry) => Number(entry.slice(3)));
    expect(catalogue).toContain(`the next one is ${Math.max(...taken) + 1}.`);
  });
});
