import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, post } from '../api.js';
import { count } from '../format.js';
import { Dialog, tasks } from '../parts.js';
import type { Filter } from '../route.js';
import { labels, type Status } from '../types.js';
import { Detail, Fault } from './ask.js';

interface BulkProgress {
  readonly total: number;
  readonly came: number;
  readonly asked: number;
  readonly accepted: number;
  readonly tooLate: number;
  readonly unmatched: number;
  readonly refused: number;
  readonly failed: number;
  readonly isDone?: boolean;
  readonly isWhole?: boolean;
}

interface BulkProps {
  readonly filter: Filter;
  /** How many matched when it was opened. */
  readonly active: number;
  readonly onClose: () => void;
}

/** Cancels all that the filter matches. It goes on as long as it is open. */
export function BulkDialog({ filter, active, onClose }: BulkProps) {
  const [detail, setDetail] = useState('');
  const [progress, setProgress] = useState<BulkProgress | undefined>();
  const [error, setError] = useState<ApiError | undefined>();
  const abort = useRef<AbortController>(undefined);
  useEffect(() => () => abort.current?.abort(), []);
  const isRunning = abort.current !== undefined && !progress?.isDone && !error;
  const begin = async (event: Event): Promise<void> => {
    event.preventDefault();
    abort.current = new AbortController();
    setProgress({
      total: active,
      came: 0,
      asked: 0,
      accepted: 0,
      tooLate: 0,
      unmatched: 0,
      refused: 0,
      failed: 0,
    });
    try {
      const answer = await post('cancel', { filter, detail }, abort.current.signal);
      const last = await readLines<BulkProgress>(answer, setProgress);
      if (!last?.isDone) throw new ApiError(0, 'The connection was lost: some tasks were not asked.');
    } catch (failure) {
      if (abort.current.signal.aborted) return;
      setError(
        failure instanceof ApiError
          ? failure
          : new ApiError(0, 'The connection was lost: some tasks were not asked.'),
      );
    }
  };
  return (
    <Dialog title={`Cancel ${tasks(active)}?`} onClose={onClose}>
      <form method="dialog" onSubmit={(event) => void begin(event)}>
        <p>
          All tasks that {describe(filter)} and have not ended are told to stop, also those that start
          meanwhile.
        </p>
        {progress ? <BulkState progress={progress} /> : <Detail value={detail} onInput={setDetail} />}
        <Fault error={error} />
        <p class="buttons">
          <button type="button" onClick={onClose}>
            {isRunning ? 'Stop' : 'Close'}
          </button>
          {!progress && (
            <button type="submit" class="main grave" disabled={active === 0}>
              Cancel {tasks(active)}
            </button>
          )}
        </p>
      </form>
    </Dialog>
  );
}

function BulkState({ progress }: { progress: BulkProgress }) {
  const { total, came, asked, accepted, tooLate, unmatched, refused, failed, isDone, isWhole } = progress;
  const all = Math.max(total + came, asked);
  const others: readonly (readonly [number, string])[] = [
    [came, 'came meanwhile'],
    [tooLate, 'had ended'],
    [unmatched, 'match no more'],
    [refused, 'not allowed'],
    [failed, 'failed'],
  ];
  return (
    <div class="bulk" role="status">
      <progress value={asked} max={Math.max(1, all)} aria-label="Asked to cancel" />
      <p>
        <b>
          {count(accepted)} of {count(all)} cancelled
        </b>
        {others.map(([value, what]) => value > 0 && <span key={what}>{` · ${count(value)} ${what}`}</span>)}
      </p>
      {isDone && <p>{isWhole ? 'Nothing that matches is left.' : 'Some may be left: cancel all again.'}</p>}
    </div>
  );
}

function describe({ status, type, owner, text, within }: Filter): string {
  const parts = [
    type && `are of ${type}`,
    status &&
      `are ${status
        .split(',')
        .map((each) => labels[each as Status].toLowerCase())
        .join(' or ')}`,
    owner && `belong to ${owner}`,
    text && `contain “${text}”`,
    within && `are not older than ${Number(within) / 60_000} minutes`,
  ].filter(Boolean);
  return parts.length > 0 ? parts.join(', ') : 'you may see';
}

async function readLines<Line>(answer: Response, each: (line: Line) => void): Promise<Line | undefined> {
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  let last: Line | undefined;
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    const lines = (text + part.value).split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) last = JSON.parse(line) as Line;
    if (last !== undefined) each(last);
  }
  return last;
}
