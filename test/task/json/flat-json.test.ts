import { describe, expect, it } from '@jest/globals';
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { copyFlat, isFlat } from '../../../lib/task/json/flat-json.js';

const keys = fc.oneof(fc.constantFrom('a', 'b', '__proto__', 'constructor', '1', '\ud800'), fc.string());
const values = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.double(),
  fc.constantFrom(0, -0, '\ud800', undefined, null, true, 1n, {}, []),
);

describe('a flat value', () => {
  it('is copied as JSON would have it', () => {
    fc.assert(
      fc.property(fc.oneof(values, fc.dictionary(keys, values)), (given) => {
        fc.pre(isFlat(given));
        expect(copyFlat(given)).toStrictEqual(JSON.parse(JSON.stringify(given)));
      }),
    );
  });

  it.each<[string, unknown]>([
    ['nothing', {}],
    ['texts, numbers, booleans and null', { a: 'x', b: 1.5, c: false, d: null }],
    ['a key that is the name of an accessor', JSON.parse('{"__proto__":1}')],
  ])('may hold %s', (_what, given) => {
    expect(isFlat(given)).toBe(true);
    expect(copyFlat(given)).toStrictEqual(given);
    expect(copyFlat(given)).not.toBe(given);
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['a BigInt', 1n],
    ['NaN', NaN],
    ['zero with a sign', { a: -0 }],
    ['a property that is undefined', { a: undefined }],
    ['a value in a value', { a: {} }],
    ['an array', []],
    ['an instance', new Date(0)],
    ['an object without a prototype', Object.create(null)],
    ['an object of another realm', runInNewContext('({})')],
    ['a toJSON()', { toJSON: 1 }],
    ['a symbol', { [Symbol('a')]: 1 }],
    ['a getter', Object.defineProperty({}, 'a', { get: () => 1, enumerable: true })],
    ['a hidden property', Object.defineProperty({}, 'a', { value: 1 })],
    ['a proxy', new Proxy({}, {})],
    ['a revoked proxy', revoked()],
  ])('is not %s', (_what, given) => {
    expect(isFlat(given)).toBe(false);
  });
});

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
