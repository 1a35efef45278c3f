import { describe, expect, it } from '@jest/globals';
import { Watched } from '../../../lib/client/share/watched.js';
import type { TaskRun } from '../../../lib/client/task-run.js';

const run = { events: () => ({}) } as unknown as TaskRun;
const watchedFrom = (after: string, from?: 'latest' | 'state'): Watched =>
  new Watched('app/Task/one', run, after, from, false);
const n = (id: string) => ({ id, type: 'n', data: null });
const gap = (id: string, cause: string) => ({
  id,
  type: 'gap',
  data: { cause, missed: null, snapshot: null },
});

describe('what is watched for several streams', () => {
  it('gives each stream what comes behind its position', () => {
    const watched = watchedFrom('a-3');
    watched.streams.set('one', 'a-3').set('two', 'a-5');
    expect(watched.take(n('a-4'))).toEqual(['one']);
    expect(watched.take(n('a-5'))).toEqual(['one']);
    // What an interceptor adds behind an event has its id.
    expect(watched.take({ ...n('a-5'), type: 'added' })).toEqual(['one', 'two']);
    expect(watched.take(n('a-6'))).toEqual(['one', 'two']);
  });

  it.each(['restarted', 'unknown-id'])('gives a gap that is "%s" to all, who go on from there', (cause) => {
    const watched = watchedFrom('a-60');
    watched.streams.set('one', 'a-60').set('two', 'a-100');
    expect(watched.take(gap('a-50', cause))).toEqual(['one', 'two']);
    expect(watched.take(n('a-51'))).toEqual(['one', 'two']);
  });

  it('gives a gap of what is kept no longer to those that miss it', () => {
    const watched = watchedFrom('');
    watched.streams.set('one', '').set('two', 'a-50');
    expect(watched.take(gap('a-40', 'expired'))).toEqual(['one']);
    expect(watched.take(n('a-41'))).toEqual(['one']);
    expect(watched.take(n('a-51'))).toEqual(['one', 'two']);
  });

  it('takes another stream that begins at the same place, and no other', () => {
    const fresh = watchedFrom('');
    expect(fresh.beginsAt('', undefined)).toBe(true);
    // The task may have been started anew: then that stream needs a gap.
    expect(fresh.beginsAt('a-50', undefined)).toBe(false);
    for (const from of ['latest', 'state'] as const) {
      expect(fresh.beginsAt('', from)).toBe(false);
      expect(watchedFrom('', from).beginsAt('', from)).toBe(true);
    }
    const known = watchedFrom('a-50');
    expect(known.beginsAt('a-50', 'latest')).toBe(true);
    for (const after of ['', 'a-49', 'a-51', 'b-50']) expect(known.beginsAt(after, undefined)).toBe(false);
  });

  it('is joined by what has all that it has had', () => {
    expect(watchedFrom('').isBefore('a-1')).toBe(false);
    const known = watchedFrom('a-50');
    for (const id of ['a-50', 'a-51']) expect(known.isBefore(id)).toBe(true);
    for (const id of ['a-49', 'b-60']) expect(known.isBefore(id)).toBe(false);
  });
});
