import { memo } from 'preact/compat';
import { isAway, now } from '../api.js';
import { openDialog } from '../dialogs/ask.js';
import { CancelDialog } from '../dialogs/cancel-dialog.js';
import { count, duration, runningFor, timeOf, wholeTimeOf } from '../format.js';
import { Bar, Empty, StatusMark, tasks } from '../parts.js';
import { filter, type Filter, noFilter, setFilter, taskHref } from '../route.js';
import { isActive, type Row } from '../types.js';
import { isHeld, isLoaded, keys, limit, rowOf, STEP, summary, waiting } from './list-state.js';

/** The arrow keys go from row to row. */
function moveFocus(event: KeyboardEvent): void {
  const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
  if (step === 0 || !(event.target instanceof Element)) return;
  let row = event.target.closest('tr');
  row = (step > 0 ? row?.nextElementSibling : row?.previousElementSibling) as HTMLTableRowElement | null;
  const link = row?.querySelector<HTMLElement>('a');
  if (!link) return;
  event.preventDefault();
  link.focus();
}

export function Table() {
  const isEmpty = keys.value.length === 0;
  const hold = (): void => {
    isHeld.value = true;
  };
  const letGo = (): void => {
    isHeld.value = false;
  };
  if (!isLoaded.value) return <Empty title={isAway.value ? 'No tasks are shown yet' : 'Loading'} />;
  if (isEmpty && waiting.value === 0) return <NoRows filter={filter.value} />;
  const { total } = summary.value;
  return (
    <>
      <table
        onPointerEnter={hold}
        onPointerLeave={letGo}
        onFocusIn={hold}
        onFocusOut={(event) => {
          if (!event.currentTarget.contains(event.relatedTarget as Node | null)) letGo();
        }}
        onKeyDown={moveFocus}
      >
        <caption class="vh">
          Tasks: first those that have not ended, then the others, the last ended first
        </caption>
        <thead>
          <tr>
            <th scope="col" class="c-status">
              Status
            </th>
            <th scope="col" class="c-task">
              Task
            </th>
            <th scope="col" class="c-progress">
              Progress
            </th>
            <th scope="col" class="c-owner">
              Owner
            </th>
            <th scope="col" class="c-time">
              Created
            </th>
            <th scope="col" class="c-took">
              Took
            </th>
            <th scope="col" class="c-watch">
              Watched
            </th>
            <th scope="col" class="c-act">
              <span class="vh">Cancel</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {keys.value.map((key) => (
            <TableRow key={key} id={key} />
          ))}
        </tbody>
      </table>
      <p class="below">
        <span class="held" role="status">
          {waiting.value > 0 && `${count(waiting.value)} new, shown when you leave the table`}
        </span>
        <span>
          {count(Math.min(keys.value.length, total))} of {tasks(total)}
        </span>
        {total > keys.value.length && limit.value < 2_000 && (
          <button type="button" class="quiet" onClick={() => (limit.value += STEP)}>
            Show more
          </button>
        )}
      </p>
    </>
  );
}

const TableRow = memo(function TableRow({ id }: { id: string }) {
  const row = rowOf(id)?.value;
  if (!row) return null;
  return (
    <tr class={`is-${row.status}`}>
      <td class="c-status">
        <StatusMark status={row.status} />
      </td>
      <td class="c-task">
        <a href={taskHref(row)}>
          <span class="type">
            <span class="app">{row.app}/</span>
            {row.name}
          </span>{' '}
          <span class="id">{row.id}</span>
        </a>
      </td>
      <td class="c-progress">
        <span class="progress">
          {isActive(row.status) && row.percent !== undefined && (
            <>
              <Bar percent={row.percent} label={`Progress of ${row.id}`} />
              <span class="percent">{Math.round(row.percent)} %</span>
            </>
          )}
          {row.attempt > 1 && <span class="try">try {row.attempt}</span>}
          {row.message !== undefined && (
            <span class="message" title={row.message}>
              {row.message}
            </span>
          )}
        </span>
      </td>
      <td class="c-owner">{row.owner}</td>
      <td class="c-time">
        <time dateTime={new Date(row.createdAt).toISOString()} title={wholeTimeOf(row.createdAt)}>
          {timeOf(row.createdAt, now.peek())}
        </time>
      </td>
      <td class="c-took">
        <Took row={row} />
      </td>
      <td class="c-watch">{row.watchers > 0 ? count(row.watchers) : ''}</td>
      <td class="c-act">
        {isActive(row.status) && (
          <button
            type="button"
            class="quiet"
            aria-label={`Cancel ${row.name} ${row.id}`}
            disabled={row.status === 'cancelling'}
            onClick={() => openDialog((close) => <CancelDialog task={row} onClose={close} />)}
          >
            Cancel
          </button>
        )}
      </td>
    </tr>
  );
});

function Took({ row: { status, createdAt, startedAt, endedAt } }: { row: Row }) {
  if (endedAt !== null) return <>{startedAt === null ? '–' : duration(endedAt - startedAt)}</>;
  const since = now.value - (startedAt ?? createdAt);
  return <span class={status === 'pending' ? 'dim' : undefined}>{runningFor(since)}</span>;
}

/** The button goes away: the reader goes on at the title. */
function clearAll(): void {
  setFilter(noFilter);
  document.querySelector<HTMLElement>('h1')?.focus();
}

function NoRows({ filter: shown }: { filter: Filter }) {
  const isFiltered = Object.values(shown).some(Boolean);
  return isFiltered ? (
    <Empty title="No task matches" text="Change the filter, or clear it, to see more.">
      <button type="button" onClick={clearAll}>
        Clear the filter
      </button>
    </Empty>
  ) : (
    <Empty
      title="No tasks yet"
      text="Tasks appear here when the application starts them. Ended ones stay until their retention is over."
    />
  );
}
