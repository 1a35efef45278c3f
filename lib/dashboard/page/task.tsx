import { useEffect, useRef, useState } from 'preact/hooks';
import { about } from './about.js';
import { now } from './api.js';
import { CancelDialog, openDialog, SignalDialog, StartDialog } from './dialogs.js';
import { count, duration, plural, runningFor, timeOf, wholeTimeOf } from './format.js';
import { Bar, StatusMark } from './parts.js';
import { listHref, type Ref } from './route.js';
import { events, lost, missing, readTask, rights, type ShownTask, task, tries } from './task-state.js';
import { CancelPhases, Timeline } from './timeline.js';
import { isActive, type Json, type TaskEvent } from './types.js';

export function TaskView({ of }: { of: Ref }) {
  const { app, name, id } = of;
  useEffect(() => readTask(of), [app, name, id]);
  useEffect(() => {
    document.title = `${name} ${id}`;
  }, [name, id]);
  const shown = task.value;
  return (
    <main class="task">
      <nav aria-label="Path">
        <a href={listHref()}>← All tasks</a>
      </nav>
      <header>
        <h1 tabIndex={-1}>
          <span class="app">{app}/</span>
          {name}
        </h1>
        <code class="id">{id}</code>
        {shown && <StatusMark status={shown.snapshot.status} />}
        {shown && <Actions of={of} shown={shown} />}
      </header>
      {lost.value && (
        <p class="banner" role="status">
          {lost.value}
        </p>
      )}
      {shown ? <Shown shown={shown} /> : !lost.value && <p class="dim">Loading</p>}
    </main>
  );
}

function Actions({ of, shown: { snapshot } }: { of: Ref; shown: ShownTask }) {
  const { cancel, signal, start } = rights.value;
  const active = isActive(snapshot.status);
  const hasType = about.value?.types.some(
    ({ app, name, mayStart }) => mayStart && app === of.app && name === of.name,
  );
  return (
    <span class="actions">
      {signal && active && (
        <button
          type="button"
          onClick={() => openDialog((close) => <SignalDialog task={of} onClose={close} />)}
        >
          Signal…
        </button>
      )}
      {start && hasType && !active && (
        <button
          type="button"
          onClick={() => openDialog((close) => <StartDialog task={of} onClose={close} />)}
        >
          Start again…
        </button>
      )}
      {cancel && active && (
        <button
          type="button"
          class="main grave"
          disabled={snapshot.status === 'cancelling'}
          onClick={() => openDialog((close) => <CancelDialog task={of} onClose={close} />)}
        >
          {snapshot.status === 'cancelling' ? 'Cancelling' : 'Cancel…'}
        </button>
      )}
    </span>
  );
}

function Shown({ shown }: { shown: ShownTask }) {
  const { snapshot } = shown;
  const { progress, error, finalValue, state, status, metadata } = snapshot;
  return (
    <>
      {isActive(status) && typeof progress?.percent === 'number' && (
        <p class="far">
          <Bar percent={progress.percent} label="Progress" />
          <span class="percent">{Math.round(progress.percent)} %</span>
          <span class="message">{progress.message}</span>
        </p>
      )}
      <Facts shown={shown} />
      <div class="columns">
        <div>
          <Timeline shown={shown} tries={tries.value} />
          <CancelPhases shown={shown} />
          {error && (
            <section aria-labelledby="error" class="error">
              <h2 id="error">{error.errorType}</h2>
              <pre tabIndex={0}>{error.message}</pre>
            </section>
          )}
          {status === 'completed' && <Value id="result" title="Result" value={finalValue} />}
          {state !== undefined && <Value id="state" title="State" value={state} />}
          {metadata !== undefined && <Value id="metadata" title="Metadata" value={metadata} />}
        </div>
        <Events />
      </div>
    </>
  );
}

function Facts({ shown: { snapshot } }: { shown: ShownTask }) {
  const { owner, createdAt, startedAt, endedAt, watchers = 0, attempt = 0, isHidden } = snapshot;
  const created = Date.parse(createdAt);
  const started = startedAt ? Date.parse(startedAt) : undefined;
  const took =
    started === undefined
      ? undefined
      : endedAt
        ? duration(Date.parse(endedAt) - started)
        : runningFor(now.value - started);
  return (
    <dl class="facts">
      {isHidden && <Fact name="Content" value="not shown here" />}
      {owner !== undefined && <Fact name="Owner" value={owner} />}
      <Fact name="Created" value={timeOf(created, now.peek())} title={wholeTimeOf(created)} />
      {started !== undefined && <Fact name="Waited" value={duration(started - created)} />}
      {took !== undefined && <Fact name={endedAt ? 'Took' : 'Running for'} value={took} />}
      {attempt > 0 && <Fact name="Try" value={String(attempt)} />}
      <Fact name="Watched by" value={watchers === 0 ? 'nobody' : plural(watchers, 'client')} />
    </dl>
  );
}

function Fact({ name, value, title }: { name: string; value: string; title?: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd title={title}>{value}</dd>
    </div>
  );
}

const SHORT = 2_000;

function Value({ id, title, value }: { id: string; title: string; value: Json | undefined }) {
  const [isWhole, setWhole] = useState(false);
  const text = JSON.stringify(value ?? null, null, 2);
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <pre tabIndex={0}>{isWhole ? text : text.slice(0, SHORT)}</pre>
      {text.length > SHORT && !isWhole && (
        <button type="button" class="quiet" onClick={() => setWhole(true)}>
          Show all {count(text.length)} characters
        </button>
      )}
    </section>
  );
}

const FIRST = 100;

function Events() {
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
