import { now } from '../api.js';
import { duration, runningFor, timeOf, wholeTimeOf } from '../format.js';
import { isActive } from '../types.js';
import { announcedAt, type ShownTask, type Try } from './task-state.js';

interface Span {
  readonly kind: 'wait' | 'try' | 'pause' | 'cleanup';
  readonly label: string;
  readonly from: number;
  /** `undefined` where it goes on. */
  readonly to: number | undefined;
}

export function millis(iso: string | null | undefined): number | undefined {
  return iso === null || iso === undefined ? undefined : Date.parse(iso);
}

/** When its cleanup began, as far as it is known. */
export function cleanupSince({ times }: ShownTask): number | undefined {
  return announcedAt.value ?? times.acceptedAt ?? times.seenAt;
}

function spansOf(shown: ShownTask, tries: readonly Try[]): Span[] {
  const { snapshot } = shown;
  const created = Date.parse(snapshot.createdAt);
  const started = millis(snapshot.startedAt);
  const ended = millis(snapshot.endedAt);
  const spans: Span[] = [{ kind: 'wait', label: 'Waiting', from: created, to: started ?? ended }];
  if (started === undefined) return spans;
  const cleanup = snapshot.cancellation ? cleanupSince(shown) : undefined;
  const known = tries.length > 0 ? tries : [{ attempt: snapshot.attempt ?? 1, startedAt: started }];
  known.forEach((each, index) => {
    const next = known[index + 1];
    const isLast = next === undefined;
    const to = each.endedAt ?? next?.startedAt ?? (isLast ? (cleanup ?? ended) : undefined);
    const label = known.length > 1 || each.attempt > 1 ? `Try ${each.attempt}` : 'Running';
    spans.push({ kind: 'try', label, from: each.startedAt, to });
    if (each.endedAt !== undefined) {
      spans.push({
        kind: 'pause',
        label: 'Waiting for the next try',
        from: each.endedAt,
        to: next?.startedAt ?? ended,
      });
    }
  });
  if (cleanup !== undefined) spans.push({ kind: 'cleanup', label: 'Cleaning up', from: cleanup, to: ended });
  return spans.filter(({ kind, from, to }) => kind === 'try' || to === undefined || to > from);
}

/** What it did when, on one line of time. */
export function Timeline({ shown, tries }: { shown: ShownTask; tries: readonly Try[] }) {
  const { snapshot } = shown;
  const begin = Date.parse(snapshot.createdAt);
  const isOver = !isActive(snapshot.status);
  const end = isOver ? (millis(snapshot.endedAt) ?? now.value) : now.value;
  const whole = Math.max(1, end - begin);
  return (
    <section aria-labelledby="timeline">
      <h2 id="timeline">Timeline</h2>
      <ol class="timeline">
        {spansOf(shown, tries).map((span) => {
          const to = span.to ?? end;
          const left = Math.max(0, (span.from - begin) / whole);
          const width = Math.max(0, (to - span.from) / whole);
          const took =
            span.to === undefined ? `${runningFor(to - span.from)} so far` : duration(to - span.from);
          return (
            <li key={`${span.kind}-${span.from}`} class={`span-${span.kind}`}>
              <span class="label">{span.label}</span>
              <span class="track" aria-hidden="true">
                <span style={{ left: `${100 * left}%`, width: `${100 * width}%` }} />
              </span>
              <span class="took">
                <time dateTime={new Date(span.from).toISOString()} title={wholeTimeOf(span.from)}>
                  {timeOf(span.from, now.peek())}
                </time>{' '}
                {took}
              </span>
            </li>
          );
        })}
      </ol>
    </section>
  );
}
