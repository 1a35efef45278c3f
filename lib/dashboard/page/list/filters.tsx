import { useEffect, useRef } from 'preact/hooks';
import { about } from '../about.js';
import { BulkDialog } from '../dialogs/bulk-dialog.js';
import { openDialog } from '../dialogs/ask.js';
import { StartDialog } from '../dialogs/start-dialog.js';
import { count } from '../format.js';
import { filter, noFilter, setFilter } from '../route.js';
import { summary } from './list-state.js';

const times: readonly (readonly [value: string, label: string])[] = [
  ['', 'Any time'],
  ['300000', 'Last 5 minutes'],
  ['3600000', 'Last hour'],
  ['86400000', 'Last day'],
];

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

export function Filters() {
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
        <button type="button" class="quiet clear" onClick={clear}>
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
