import { describe, expect, it } from '@jest/globals';
import { AsyncLocalStorage } from 'node:async_hooks';
import { getEventListeners } from 'node:events';
import { CancelledError, runScope } from 'nestjs-streaming';
import { abortable } from 'nestjs-streaming/rxjs';
import {
  catchError,
  EMPTY,
  interval,
  lastValueFrom,
  NEVER,
  Observable,
  of,
  range,
  Subject,
  throwError,
} from 'rxjs';
import { startTask } from '../support/app.js';
import { deferred } from '../support/wait.js';

/** A source that counts what is done with it. */
function counted<T>(source: Observable<T>) {
  const counts = { subscribed: 0, unsubscribed: 0 };
  const observable = new Observable<T>((subscriber) => {
    counts.subscribed++;
    subscriber.add(source.subscribe(subscriber));
    return () => void counts.unsubscribed++;
  });
  return { counts, observable };
}

/** Subscribes, and notes what comes. */
function observed<T>(source: Observable<T>): unknown[] {
  const seen: unknown[] = [];
  source.subscribe({
    next: (value) => seen.push(value),
    error: (error: unknown) => seen.push({ error }),
    complete: () => seen.push('complete'),
  });
  return seen;
}

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('abortable', () => {
  it('lets pass what the source emits, and its end', () => {
    const { signal } = new AbortController();
    const failure = new Error('no');
    expect(observed(of(1, 2).pipe(abortable(signal)))).toEqual([1, 2, 'complete']);
    expect(observed(throwError(() => failure).pipe(abortable(signal)))).toEqual([{ error: failure }]);
    expect(listeners(signal)).toBe(0);
  });

  it('fails, and tears the source down, in the async context of the subscription', () => {
    const tenant = new AsyncLocalStorage<string>();
    const controller = new AbortController();
    const seen: unknown[] = [];
    const source = new Observable<never>(() => () => seen.push(['teardown', tenant.getStore()]));
    tenant.run('subscriber', () => {
      source
        .pipe(abortable(controller.signal))
        .subscribe({ error: () => seen.push(['error', tenant.getStore()]) });
    });
    tenant.run('canceller', () => controller.abort());
    expect(seen).toEqual([
      ['error', 'subscriber'],
      ['teardown', 'subscriber'],
    ]);
  });

  it('fails with the reason when the signal aborts, and unsubscribes from the source once', () => {
    const controller = new AbortController();
    const subject = new Subject<number>();
    const { counts, observable } = counted(subject);
    const seen = observed(observable.pipe(abortable(controller.signal)));
    subject.next(1);
    const reason = new Error('enough');
    controller.abort(reason);
    subject.next(2);
    expect(seen).toEqual([1, { error: reason }]);
    expect(counts).toEqual({ subscribed: 1, unsubscribed: 1 });
    expect(subject.observed).toBe(false);
    expect(listeners(controller.signal)).toBe(0);
  });

  it('does not subscribe when the signal is aborted already', () => {
    const { counts, observable } = counted(of(1));
    const reason = new Error('too late');
    expect(observed(observable.pipe(abortable(AbortSignal.abort(reason))))).toEqual([{ error: reason }]);
    expect(counts.subscribed).toBe(0);
  });

  it('leaves no listener when whoever subscribed goes', () => {
    const { signal } = new AbortController();
    const subscriptions = Array.from({ length: 10 }, () => NEVER.pipe(abortable(signal)).subscribe());
    expect(listeners(signal)).toBe(10);
    for (const subscription of subscriptions) subscription.unsubscribe();
    expect(listeners(signal)).toBe(0);
  });

  it('stops a source that emits in a loop while it is subscribed to', () => {
    const controller = new AbortController();
    const seen: number[] = [];
    range(0, 1e9)
      .pipe(abortable(controller.signal))
      .subscribe({
        next: (value) => {
          seen.push(value);
          if (value === 2) controller.abort();
        },
        error: () => {},
      });
    expect(seen).toEqual([0, 1, 2]);
  });

  it('takes the signal of a scope at each subscription', async () => {
    await runScope(async (scope) => {
      const source = interval(1).pipe(abortable(scope));
      const ended = lastValueFrom(source);
      scope.cancel();
      await expect(ended).rejects.toBe(scope.signal.reason);
      await expect(lastValueFrom(source)).rejects.toBe(scope.signal.reason);
      expect(listeners(scope.signal)).toBe(0);
    });
  });

  it('can be caught, as any error', () => {
    const controller = new AbortController();
    const seen = observed(
      NEVER.pipe(
        abortable(controller.signal),
        catchError(() => EMPTY),
      ),
    );
    controller.abort();
    expect(seen).toEqual(['complete']);
  });

  it('refuses what is neither a scope nor a signal', () => {
    expect(() => abortable(undefined as unknown as AbortSignal)).toThrow(
      'expected a scope or an AbortSignal',
    );
    expect(() => abortable({} as AbortSignal)).toThrow(TypeError);
  });

  it('makes the task cancelled, where half of the values would else look like all of them', async () => {
    const subscribed = deferred();
    const { counts, observable } = counted(
      new Observable<number>((subscriber) => {
        subscriber.next(1);
        subscribed.resolve();
      }),
    );
    const { handle, events } = await startTask((task) => lastValueFrom(observable.pipe(abortable(task))));
    await subscribed.promise;
    expect(await handle.cancel()).toBe(true);
    expect(await handle.outcome).toMatchObject({ status: 'cancelled', swallowed: false, abandoned: false });
    await expect(handle.result).rejects.toBeInstanceOf(CancelledError);
    expect((await events.done).at(-1)).toMatchObject({ type: 'cancelled' });
    expect(counts).toEqual({ subscribed: 1, unsubscribed: 1 });
  });

  it('is fine in a handler that returns the Observable itself', async () => {
    const { counts, observable } = counted(interval(1));
    const { handle, events } = await startTask((task) => observable.pipe(abortable(task)));
    await events.until('progress');
    await handle.cancel();
    expect(await handle.outcome).toMatchObject({ status: 'cancelled', swallowed: false });
    expect(counts).toEqual({ subscribed: 1, unsubscribed: 1 });
  });
});
