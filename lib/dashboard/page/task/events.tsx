import { useRef, useState } from 'preact/hooks';
import { count, plural, timeOf } from '../format.js';
import type { TaskEvent } from '../types.js';
import { events, missing } from './task-state.js';

const FIRST = 100;

export function Events() {
  const [type, setType] = useState('');
  const [most, setMost] = useState(FIRST);
  const [isHeld, setHeld] = useState(false);
  const held = useRef<readonly TaskEvent[]>([]);
  // While somebody reads in it, nothing moves.
  if (!isHeld) held.current = events.value;
  const all = held.current;
  const types = [...new Set(all.map((event) => event.type))].toSorted();
  const matching = type === '' ? all : all.filter((event) => event.type === type);
  const shown = matching.slice(-most).toReversed();
  const isBehind = isHeld && events.value.length > 0 && events.value.at(-1) !== all.at(-1);
  return (
    <section
      class="events"
      aria-labelledby="events"
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocusIn={() => setHeld(true)}
      onFocusOut={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setHeld(false);
      }}
    >
      <h2 id="events">Events</h2>
      <p class="tools">
        <label>
          <span class="vh">Events of type</span>
          <select value={type} onChange={(event) => setType(event.currentTarget.value)}>
            <option value="">All types</option>
            {types.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
        <span class="dim">
          {plural(matching.length, 'event')}
          {missing.value > 0 && `, ${count(missing.value)} earlier ones are not kept`}
          {isBehind && ', newer ones when you leave'}
        </span>
      </p>
      <ol reversed>
        {shown.map((event) => (
          <EventItem key={event.id} event={event} />
        ))}
      </ol>
      {matching.length > most && (
        <button type="button" class="quiet" onClick={() => setMost(most + FIRST)}>
          Show earlier
        </button>
      )}
    </section>
  );
}

const LINE = 160;

function EventItem({ event: { type, data, timestamp, isHidden } }: { event: TaskEvent }) {
  const text = isHidden ? 'not shown here' : data === null || data === undefined ? '' : JSON.stringify(data);
  const time = timestamp === undefined ? '' : timeOf(timestamp, timestamp);
  const head = (
    <>
      <time dateTime={timestamp === undefined ? '' : new Date(timestamp).toISOString()}>{time}</time>
      <b class={`type-${type}`}>{type}</b>
      <code>{text.slice(0, LINE)}</code>
    </>
  );
  if (text.length <= 60) return <li class="line">{head}</li>;
  return (
    <li>
      <details>
        <summary class="line">{head}</summary>
        <pre tabIndex={0}>{JSON.stringify(data, null, 2).slice(0, 20_000)}</pre>
      </details>
    </li>
  );
}
