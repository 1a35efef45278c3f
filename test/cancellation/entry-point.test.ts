import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as main from 'nestjs-streaming';
import * as cancellation from 'nestjs-streaming/cancellation';
import { InstalledPackage } from '../support/programs/installed.js';

describe('nestjs-streaming/cancellation', () => {
  let installed: InstalledPackage;
  beforeAll(() => {
    installed = new InstalledPackage(['cancellation']);
  });
  afterAll(() => installed[Symbol.dispose]());

  it('has what the main entry point has, the same objects', () => {
    const {
      CancelledError,
      CancelScope,
      isCancellation,
      runScope,
      ScopeEndedError,
      ScopeTimeoutError,
      StreamingError,
      UnrecoverableError,
    } = main;
    expect({ ...cancellation }).toEqual({
      CancelledError,
      CancelScope,
      isCancellation,
      runScope,
      ScopeEndedError,
      ScopeTimeoutError,
      StreamingError,
      UnrecoverableError,
    });
  });

  it('shows nothing of the tree that a scope stands in', async () => {
    const root = cancellation.CancelScope.root();
    await root.timeout(60_000, (scope) =>
      scope.group(async (group) => {
        expect(inspect([root, scope, group])).toBe('[ InnerScope {}, InnerScope {}, GroupScope {} ]');
        expect(Object.keys(scope)).toEqual([]);
      }),
    );
  });

  it('works in a plain script, with no other package installed', async () => {
    const { code, stdout, stderr } = await installed.run(`
      import assert from 'node:assert/strict';
      import { CancelledError, isCancellation, runScope, ScopeTimeoutError } from 'nestjs-streaming/cancellation';

      const events = [];
      const value = await runScope(async (scope) => {
        await assert.rejects(scope.timeout(10, (inner) => inner.sleep(60_000)), ScopeTimeoutError);
        await assert.rejects(
          scope.group(async (group) => {
            void group.spawn((child) => child.sleep(60_000).finally(() => events.push('child cancelled')));
            void group.spawn(async () => { throw new RangeError('no'); });
          }),
          AggregateError,
        );
        setTimeout(() => scope.cancel('enough'), 10);
        const error = await scope.sleep(60_000).catch((caught) => caught);
        assert.ok(error instanceof CancelledError && isCancellation(error, scope.signal));
        events.push(await scope.shield(async () => 'cleaned up'));
        throw error;
      });
      assert.equal(value, undefined);
      assert.equal(globalThis.Reflect.getMetadata, undefined);
      console.log(events.join(', '));
    `);
    expect(stderr).toBe('');
    expect(stdout).toBe('child cancelled, cleaned up\n');
    expect(code).toBe(0);
  });
});
