import { afterAll, describe, expect, test } from '@jest/globals';
import { HarnessRun, TaskHarness } from '../../../lib/testing/index.js';
import { codes, page, type Row, table } from '../support/documents.js';
import { compileAll, ScratchFolder } from '../support/sources.js';

const scratch = new ScratchFolder();
const load = compileAll(scratch);

// The tests of the guide become tests of this file.
for (const { name } of page('testing').typescriptBlocks) if (name.endsWith('.spec.ts')) await load(name);

afterAll(() => scratch[Symbol.dispose]());

describe('the page on testing', () => {
  test.each([
    ['harness', TaskHarness],
    ['run', HarnessRun],
  ] as const)('the table of what a %s has', (name, type) => {
    const documented = table(name).flatMap((row: Row) => codes(Object.values(row)[0]));
    const methods = Object.getOwnPropertyNames(type.prototype).filter((member) => member !== 'constructor');
    const members = documented.map((code) => code.replace(/\(.*/, ''));
    expect(members).toEqual(expect.arrayContaining(methods));
    const fields = name === 'run' ? ['events', 'handle'] : [];
    expect(members.toSorted()).toEqual([...methods, ...fields].toSorted());
  });
});
