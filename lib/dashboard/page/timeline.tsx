import { duration, plural, runningFor, timeOf, wholeTimeOf } from './format.js';
import { now } from './api.js';
import { announcedAt, type ShownTask, type Try } from './task-state.js';
import { isActive, labels, type Snapshot } from './types.js';

interface Span {
  readonly kind: 'wait' | 'try' | 'pause' | 'cleanup';
  readonly label: string;
  readonly from: number;
  /** `undefined` where it goes on. */
  readonly to: number | undefined;
}

function millis(iso: string | null | undefined): number | undefined {
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

export function headline({ status, attempt = 0 }: Snapshot, tries: readonly Try[]): string {
  return attempt > 1 || tries.length > 1
    ? `${labels[status]}, ${plural(attempt, 'try', 'tries')}`
    : labels[status];
}
