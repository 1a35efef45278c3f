import { useEffect } from 'preact/hooks';
import { count } from '../format.js';
import { Refused, Spark } from '../parts.js';
import { filter, setFilter } from '../route.js';
import { labels, statuses } from '../types.js';
import { Filters } from './filters.js';
import { readList, refusal, summary } from './list-state.js';
import { Table } from './table.js';

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
      {refusal.value ? <Refused title={refusal.value} /> : <All />}
    </main>
  );
}

function All() {
  return (
    <>
      <div class="overview">
        <Counts />
        <Spark history={summary.value.history} />
      </div>
      <Filters />
      <Table />
    </>
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
