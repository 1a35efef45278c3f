import { now } from '../api.js';
import { duration, runningFor, timeOf } from '../format.js';
import { labels, type Snapshot } from '../types.js';
import type { ShownTask } from './task-state.js';
import { cleanupSince, millis } from './timeline.js';

type Phase = 'done' | 'now' | 'open';

/** A cancellation from request to end. */
export function CancelPhases({ shown }: { shown: ShownTask }) {
  const { snapshot, times } = shown;
  const { cancellation } = snapshot;
  if (!cancellation) return null;
  const ended = millis(snapshot.endedAt);
  const cleanup = cleanupSince(shown);
  const accepted = times.acceptedAt ?? cleanup;
  const neverBegan = ended !== undefined && !snapshot.startedAt;
  const steps: readonly (readonly [name: string, phase: Phase, at: number | undefined, what: string])[] = [
    ['Requested', 'done', times.requestedAt, reasonOf(snapshot)],
    [
      'Accepted',
      'done',
      accepted,
      times.requestedAt !== undefined && accepted !== undefined
        ? `after ${duration(accepted - times.requestedAt)}`
        : '',
    ],
    neverBegan
      ? ['No cleanup', 'done', undefined, 'it had not begun']
      : [
          'Cleaning up',
          ended === undefined ? 'now' : 'done',
          cleanup,
          cleanup === undefined
            ? ''
            : ended === undefined
              ? `for ${runningFor(now.value - cleanup)}`
              : `took ${duration(Math.max(0, ended - cleanup))}`,
        ],
    [
      'Ended',
      ended === undefined ? 'open' : 'done',
      ended,
      ended === undefined ? '' : `as ${labels[snapshot.status].toLowerCase()}`,
    ],
  ];
  return (
    <section aria-labelledby="cancellation">
      <h2 id="cancellation">Cancellation</h2>
      <ol class="phases">
        {steps.map(([name, phase, at, what]) => (
          <li key={name} data-phase={phase} aria-current={phase === 'now' ? 'step' : undefined}>
            <b>{name}</b>
            {at !== undefined && <time dateTime={new Date(at).toISOString()}>{timeOf(at, now.peek())}</time>}
            <span>{what}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

const kinds: Readonly<Record<string, string>> = {
  external: 'on request',
  self: 'by the task itself',
  unwatched: 'as nobody watched',
  shutdown: 'as the application closes',
  lost: 'as its instance was lost',
};

function reasonOf({ cancellation }: Snapshot): string {
  if (!cancellation) return '';
  const { kind, by, detail, of, timeout } = cancellation;
  const why =
    kind === 'timeout' ? `by its ${of} time limit of ${duration(timeout ?? 0)}` : (kinds[kind] ?? kind);
  return [by === undefined ? why : `by ${by}`, detail !== undefined && `“${detail}”`]
    .filter(Boolean)
    .join(': ');
}
