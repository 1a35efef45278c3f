import { afterAll, describe, expect, test } from '@jest/globals';
import { HarnessRun, TaskHarness } from '../../lib/testing/index.js';
import { codes, type Row, testingGuide } from './documents.js';
import { compileAll, ScratchFolder } from './sources.js';

const scratch = new ScratchFolder();
const load = compileAll(scratch, testingGuide);

// The tests of the guide become tests of this file.
for (const { name } of testingGuide.typescriptBlocks) if (name.endsWith('.spec.ts')) await load(name);

afterAll(() => scratch[Symbol.dispose]());

describe('the guide to testing', () => {
  test.each([
    ['harness', TaskHarness],
    ['run', HarnessRun],
  ] as const)('the table of what a %s has', (name, type) => {
    const documented = testingGuide.table(name).flatMap((row: Row) => codes(Object.values(row)[0]));
    const methods = Object.getOwnPropertyNames(type.prototype).filter((member) => member !== 'constructor');
    const members = documented.map((code) => code.replace(/\(.*/, ''));
    expect(members).toEqual(expect.arrayContaining(methods));
    const fields = name === 'run' ? ['events', 'handle'] : [];
    expect(members.toSorted()).toEqual([...methods, ...fields].toSorted());
  });
});
