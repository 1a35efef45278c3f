import { memo } from 'preact/compat';
import { useEffect, useRef } from 'preact/hooks';
import { about } from './about.js';
import { now } from './api.js';
import { BulkDialog, CancelDialog, openDialog, StartDialog } from './dialogs.js';
import { count, duration, runningFor, timeOf, wholeTimeOf } from './format.js';
import {
  isHeld,
  isLoaded,
  keys,
  limit,
  readList,
  refusal,
  rowOf,
  STEP,
  summary,
  waiting,
} from './list-state.js';
import { Bar, Spark, StatusMark, tasks } from './parts.js';
import { filter, type Filter, noFilter, setFilter, taskHref } from './route.js';
import { isActive, labels, type Row, statuses } from './types.js';

const times: readonly (readonly [value: string, label: string])[] = [
  ['', 'Any time'],
  ['300000', 'Last 5 minutes'],
  ['3600000', 'Last hour'],
  ['86400000', 'Last day'],
];

export function ListView() {
  useEffect(() => readList(), []);
  useEffect(() => {
    document.title = 'Tasks';
  }, []);
  return (
    <main class="list">
      <h1 class="vh" tabIndex={-1}>
        Tasks
      </h1>
      <div class="overview">
        <Counts />
        <Spark history={summary.value.history} />
      </div>
      <Filters />
      <Table />
    </main>
  );
}

function Counts() {
  const { counts } = summary.value;
  const { status } = filter.value;
  const chosen = new Set(status.split(',').filter(Boolean));
  const all = statuses.reduce((sum, each) => sum + (counts[each] ?? 0), 0);
  const toggle = (each: string): void => {
    if (!chosen.delete(each)) chosen.add(each);
    setFilter({ status: [...chosen].join(',') });
  };
  return (
    <div class="counts" role="group" aria-label="Filter by status">
      <button type="button" aria-pressed={chosen.size === 0} onClick={() => setFilter({ status: '' })}>
        <span class="name">All</span> <b>{count(all)}</b>
      </button>
      {statuses.map((each) => (
        <button
          type="button"
          key={each}
          class={`is-${each}`}
          aria-pressed={chosen.has(each)}
          data-none={(counts[each] ?? 0) === 0}
          onClick={() => toggle(each)}
        >
          <span class="name">
            <span class="dot" aria-hidden="true" />
            {labels[each]}
          </span>{' '}
          <b>{count(counts[each] ?? 0)}</b>
        </button>
      ))}
    </div>
  );
}

/** What is typed is asked for when the typing pauses. */
function useTyped(name: 'text' | 'owner') {
  const timer = useRef<number>(undefined);
  const ref = useRef<HTMLInputElement>(null);
  const value = filter.value[name];
  useEffect(() => {
    if (ref.current && document.activeElement !== ref.current) ref.current.value = value;
  }, [value]);
  return {
    ref,
    onInput: () => {
      clearTimeout(timer.current);
      timer.current = setTimeout(() => setFilter({ [name]: ref.current?.value.trim() ?? '' }), 200);
    },
  };
}

function Filters() {
  const text = useTyped('text');
  const owner = useTyped('owner');
  const { active } = summary.value;
  const types = about.value?.types ?? [];
  const isFiltered = Object.values(filter.value).some(Boolean);
  const clear = (): void => {
    setFilter(noFilter);
    for (const { ref } of [text, owner]) if (ref.current) ref.current.value = '';
  };
  return (
    <form class="filters" role="search" aria-label="Tasks" onSubmit={(event) => event.preventDefault()}>
      <label class="grow">
        <span class="vh">Text</span>
        <input type="search" placeholder="Search id, owner, message" {...text} />
      </label>
      <label>
        <span class="vh">Type</span>
        <select
          value={filter.value.type}
          onChange={(event) => setFilter({ type: event.currentTarget.value })}
        >
          <option value="">Any type</option>
          {types.map(({ app, name }) => (
            <option key={`${app}/${name}`} value={`${app}/${name}`}>
              {app}/{name}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span class="vh">Owner</span>
        <input class="owner" placeholder="Owner" {...owner} />
      </label>
      <label>
        <span class="vh">Started</span>
        <select
          value={filter.value.within}
          onChange={(event) => setFilter({ within: event.currentTarget.value })}
        >
          {times.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      {isFiltered && (
        <button type="button" class="quiet" onClick={clear}>
          Clear
        </button>
      )}
      <span class="actions">
        {about.value?.mayBulk && (
          <button
            type="button"
            disabled={active === 0}
            onClick={() =>
              openDialog((close) => <BulkDialog filter={filter.value} active={active} onClose={close} />)
            }
          >
            Cancel all{active > 0 && ` ${count(active)}`}…
          </button>
        )}
        {types.some(({ mayStart }) => mayStart) && (
          <button
            type="button"
            class="main"
            onClick={() => openDialog((close) => <StartDialog onClose={close} />)}
          >
            Start…
          </button>
        )}
      </span>
    </form>
  );
}

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

function Table() {
  const isEmpty = keys.value.length === 0;
  const hold = (): void => {
    isHeld.value = true;
  };
  const letGo = (): void => {
    isHeld.value = false;
  };
  if (refusal.value) return <Empty title={refusal.value} text="Sign in again, then load this page anew." />;
  if (!isLoaded.value) return <Empty title="Loading" text="" />;
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

function NoRows({ filter: shown }: { filter: Filter }) {
  const isFiltered = Object.values(shown).some(Boolean);
  return isFiltered ? (
    <Empty title="No task matches" text="Change the filter, or clear it, to see more." />
  ) : (
    <Empty
      title="No tasks yet"
      text="Tasks appear here when the application starts them. Ended ones stay until their retention is over."
    />
  );
}

function Empty({ title, text }: { title: string; text: string }) {
  return (
    <div class="empty">
      <p class="title">{title}</p>
      {text && <p>{text}</p>}
    </div>
  );
}
