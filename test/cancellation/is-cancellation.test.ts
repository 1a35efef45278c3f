import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { CancelledError, CancelScope, isCancellation } from 'nestjs-streaming';

interface Tree {
  readonly outer: CancelScope;
  readonly inner: CancelScope;
  readonly sibling: CancelScope;
}

/** Scopes that are open while the body runs: two siblings in an outer one, in a root. */
async function inTree(body: (tree: Tree) => void | Promise<void>): Promise<void> {
  await CancelScope.root()
    .scope((outer) => outer.scope((inner) => outer.scope(async (sibling) => body({ outer, inner, sibling }))))
    .catch((error: unknown) => {
      if (!(error instanceof CancelledError)) throw error;
    });
}

function cancelledScope(): CancelScope {
  const scope = CancelScope.root();
  scope.cancel();
  return scope;
}

/** Whether an error is a cancellation of a scope that was just cancelled. */
function counts(make: (cancellation: CancelledError) => unknown): boolean {
  const { signal } = cancelledScope();
  return isCancellation(make(signal.reason as CancelledError), signal);
}

function suppressed(error: unknown, other: unknown): Error {
  return Object.assign(new Error('Two at once'), { name: 'SuppressedError', error, suppressed: other });
}

function withErrors(errors: PropertyDescriptor, cause: unknown): Error {
  return Object.defineProperty(new AggregateError([], 'A group', { cause }), 'errors', errors);
}

function revoked(value: object): unknown {
  const { proxy, revoke } = Proxy.revocable(value, {});
  revoke();
  return proxy;
}

const abortError = (): DOMException => new DOMException('Aborted', 'AbortError');
/** As the SDKs of OpenAI and Anthropic have it: only the name of its class tells. */
class APIUserAbortError extends Error {}
const unreadable = new Proxy(
  {},
  {
    getPrototypeOf() {
      throw new Error('no prototype');
    },
    get() {
      throw new Error('no property');
    },
  },
);
const failure = new RangeError('Broken');

describe('isCancellation', () => {
  it('is false of everything while the signal is not aborted', () => {
    const { signal } = CancelScope.root();
    const foreign = new AbortController().signal;
    for (const error of [new CancelledError({ kind: 'self' }), abortError(), failure, undefined, null]) {
      expect(isCancellation(error, signal)).toBe(false);
      expect(isCancellation(error, foreign)).toBe(false);
    }
  });

  it('is true of the reason of the signal', () => {
    expect(counts((cancellation) => cancellation)).toBe(true);
  });

  it('is true of a CancelledError of the same scope, or of one above it', () =>
    inTree(({ outer, inner }) => {
      inner.cancel();
      const own: unknown = inner.signal.reason;
      outer.cancel();
      expect(inner.signal.reason).toBe(own);
      expect(outer.signal.reason).not.toBe(own);
      expect(isCancellation(own, inner.signal)).toBe(true);
      expect(isCancellation(outer.signal.reason, inner.signal)).toBe(true);
    }));

  it('is true of what a scope below passes on of it', () =>
    inTree(({ outer, inner }) => {
      outer.cancel();
      expect(inner.signal.reason).not.toBe(outer.signal.reason);
      expect(isCancellation(inner.signal.reason, outer.signal)).toBe(true);
    }));

  it('is false of a CancelledError of a scope below, beside, or in another tree', () =>
    inTree(({ outer, inner, sibling }) => {
      inner.cancel();
      sibling.cancel();
      const below: unknown = inner.signal.reason;
      const beside: unknown = sibling.signal.reason;
      expect(isCancellation(beside, inner.signal)).toBe(false);
      outer.cancel();
      expect(isCancellation(below, outer.signal)).toBe(false);
      expect(isCancellation(cancelledScope().signal.reason, outer.signal)).toBe(false);
      expect(isCancellation(new CancelledError({ kind: 'self' }), outer.signal)).toBe(false);
    }));

  it('does not need the signal to have been asked for before the cancel', () =>
    inTree(async ({ outer, inner }) => {
      outer.cancel();
      const thrown: unknown = await inner.sleep(1).catch((error: unknown) => error);
      expect(isCancellation(thrown, inner.signal)).toBe(true);
      expect(isCancellation(thrown, outer.signal)).toBe(true);
    }));

  it('follows 32 causes', () => {
    expect(counts((cause) => new Error('Query failed', { cause }))).toBe(true);
    expect(counts((cause) => ({ message: 'no Error at all', cause }))).toBe(true);
    expect(
      counts((cancellation) => {
        let error: unknown = cancellation;
        for (let n = 0; n < 32; n++) error = new Error(`Level ${n}`, { cause: error });
        return error;
      }),
    ).toBe(true);
    expect(
      counts((cancellation) => {
        let error: unknown = cancellation;
        for (let n = 0; n < 33; n++) error = new Error(`Level ${n}`, { cause: error });
        return error;
      }),
    ).toBe(false);
    expect(counts(() => new Error('Query failed', { cause: failure }))).toBe(false);
    expect(counts(() => new Error('Query failed', { cause: cancelledScope().signal.reason }))).toBe(false);
  });

  it('answers for causes that go round', () => {
    const self = new Error('self');
    self.cause = self;
    const [a, b] = [new Error('a'), new Error('b')];
    a.cause = b;
    b.cause = a;
    expect([counts(() => self), counts(() => a), counts(() => b)]).toEqual([false, false, false]);
  });

  it.each([
    ['a DOMException of Node or the web', abortError()],
    ['an AbortError by name', Object.assign(new Error('stop'), { name: 'AbortError' })],
    ['one of another realm', { name: 'AbortError', message: 'stop' }],
    ['ABORT_ERR', Object.assign(new Error('stop'), { code: 'ABORT_ERR' })],
    ['axios', Object.assign(new Error('canceled'), { name: 'CanceledError', code: 'ERR_CANCELED' })],
    ['the class of an SDK', new APIUserAbortError('Request was aborted.')],
    ['PostgreSQL', Object.assign(new Error('canceling statement due to user request'), { code: '57014' })],
  ])('knows %s', (_what, error) => {
    expect(counts(() => error)).toBe(true);
    expect(isCancellation(error, AbortSignal.abort('foreign'))).toBe(true);
    expect(isCancellation(error, new AbortController().signal)).toBe(false);
  });

  it.each([
    ['a failure', failure],
    ['another code of PostgreSQL', Object.assign(new Error('terminating connection'), { code: '57P01' })],
    ['a number for a code', Object.assign(new Error('20'), { code: 57_014 })],
    ['a TimeoutError', new DOMException('Too late', 'TimeoutError')],
    ['a message', new Error('AbortError: ABORT_ERR')],
    ['undefined', undefined],
    ['null', null],
    ['a string', 'AbortError'],
    ['a number', 0],
    ['a function', abortError],
    ['what throws when it is looked at', unreadable],
  ])('is false of %s', (_what, error) => {
    expect(counts(() => error)).toBe(false);
  });

  it('is true of an AggregateError of nothing else', () => {
    expect(counts((one) => new AggregateError([one]))).toBe(true);
    expect(counts((one) => new AggregateError([one, abortError(), new Error('x', { cause: one })]))).toBe(
      true,
    );
    expect(counts((one) => new AggregateError([new AggregateError([one]), one]))).toBe(true);
    expect(counts((one) => new Error('x', { cause: new AggregateError([one]) }))).toBe(true);
  });

  it('is false of an AggregateError that is empty or holds a failure, whatever its cause', () => {
    expect(counts(() => new AggregateError([]))).toBe(false);
    expect(counts((one) => new AggregateError([one, failure]))).toBe(false);
    expect(counts((one) => new AggregateError([one, new AggregateError([failure])]))).toBe(false);
    expect(counts((one) => new AggregateError([one, new AggregateError([])]))).toBe(false);
    expect(counts((one) => new AggregateError([one, undefined]))).toBe(false);
    expect(counts((cause) => new AggregateError([failure], 'failed', { cause }))).toBe(false);
    expect(counts((cause) => new AggregateError([], 'failed', { cause }))).toBe(false);
  });

  it('looks into classes that extend AggregateError, whatever they are named', () => {
    class BatchError extends AggregateError {
      override name = 'BatchError';
    }
    expect(counts((one) => new BatchError([one]))).toBe(true);
    expect(counts((cause) => new BatchError([failure], 'failed', { cause }))).toBe(false);
    const foreign = (one: unknown) =>
      Object.assign(new Error('x'), { name: 'PipelineAggregateError', errors: [one] });
    expect(counts(foreign)).toBe(true);
    expect(counts((cause) => Object.assign(foreign(failure), { cause }))).toBe(false);
  });

  it('is false of a group whose errors cannot be read, and of what only looks like a CancelledError', () => {
    const raise = (): never => {
      throw new Error('not loaded');
    };
    expect(counts((cause) => withErrors({ get: raise }, cause))).toBe(false);
    expect(counts((cause) => withErrors({ value: undefined }, cause))).toBe(false);
    expect(counts((cause) => withErrors({ value: revoked([]) }, cause))).toBe(false);
    const element = Object.defineProperty([undefined], 0, { get: raise });
    expect(counts((cause) => withErrors({ value: element }, cause))).toBe(false);
    expect(counts((one) => new Proxy(one, {}))).toBe(false);
    expect(counts((one) => Object.create(one))).toBe(false);
    expect(counts(() => revoked({}))).toBe(false);
  });

  it('is true of a SuppressedError only when both its halves are', () => {
    expect(counts((one) => suppressed(one, abortError()))).toBe(true);
    expect(counts((one) => suppressed(new AggregateError([one]), suppressed(one, one)))).toBe(true);
    expect(counts((one) => suppressed(one, failure))).toBe(false);
    expect(counts((one) => suppressed(failure, one))).toBe(false);
    expect(counts((cause) => Object.assign(suppressed(cause, failure), { cause }))).toBe(false);
  });

  it('answers for errors that hold themselves, and for very many in one another', () => {
    const circle = (...more: unknown[]): AggregateError => {
      const error = new AggregateError(more);
      error.errors.push(error);
      return error;
    };
    expect(counts(() => circle())).toBe(false);
    expect(counts(() => circle(failure))).toBe(false);
    const halves = suppressed(undefined, undefined) as Error & { error: unknown; suppressed: unknown };
    halves.error = halves.suppressed = halves;
    expect(counts(() => halves)).toBe(false);
    const deep = (innermost: unknown): unknown => {
      let error = innermost;
      for (let n = 0; n < 20_000; n++) error = new AggregateError([error]);
      return error;
    };
    expect(counts(deep)).toBe(true);
    expect(counts(() => deep(failure))).toBe(false);
  });

  it('works for signals that are none of this package', () => {
    const cancellation: unknown = cancelledScope().signal.reason;
    for (const reason of [failure, 'a string', 0, null, cancellation]) {
      const signal = AbortSignal.abort(reason);
      expect(isCancellation(reason, signal)).toBe(true);
      expect(isCancellation(new Error('wrapped', { cause: reason }), signal)).toBe(true);
      expect(isCancellation(new Error('other'), signal)).toBe(false);
      expect(isCancellation(undefined, signal)).toBe(false);
    }
    expect(isCancellation(cancellation, AbortSignal.abort())).toBe(false);
    expect(isCancellation(cancellation, AbortSignal.any([cancelledScope().signal]))).toBe(false);
  });

  it('knows what Node itself makes of a signal', async () => {
    const scope = CancelScope.root();
    const thrown = Promise.allSettled([
      delay(60_000, undefined, { signal: scope.signal }),
      once(new EventTarget(), 'never', { signal: scope.signal }),
      fetch('http://127.0.0.1:9', { signal: AbortSignal.any([scope.signal]) }),
    ]);
    scope.cancel();
    for (const result of await thrown) {
      expect(result.status).toBe('rejected');
      if (result.status === 'rejected') expect(isCancellation(result.reason, scope.signal)).toBe(true);
    }
  });
});
