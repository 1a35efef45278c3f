import { useEffect, useState } from 'preact/hooks';
import { about } from '../about.js';
import { isAway, now } from '../api.js';
import { openDialog } from '../dialogs/ask.js';
import { CancelDialog } from '../dialogs/cancel-dialog.js';
import { SignalDialog } from '../dialogs/signal-dialog.js';
import { StartDialog } from '../dialogs/start-dialog.js';
import { count, timeOf } from '../format.js';
import { Bar, Empty, Refused, StatusMark } from '../parts.js';
import { listHref, type Ref } from '../route.js';
import { isActive, type Json, labels } from '../types.js';
import { CancelPhases } from './cancel-phases.js';
import { Events } from './events.js';
import { Facts } from './facts.js';
import { type Loss, lost, readTask, rights, type ShownTask, task, tries } from './task-state.js';
import { Timeline } from './timeline.js';
import { Watchers } from './watchers.js';

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
        {shown && lost.value && <span class="dim">{labels[shown.snapshot.status]} when last seen</span>}
        {shown && !lost.value && <StatusMark status={shown.snapshot.status} />}
        {shown && !lost.value && <Actions of={of} shown={shown} />}
      </header>
      {shown && lost.value && (
        <p class="banner" role="status">
          <b>This task is no longer kept.</b> What you see is of {timeOf(now.value, now.value)}.
        </p>
      )}
      {shown ? <Shown shown={shown} /> : <NotShown loss={lost.value} />}
    </main>
  );
}

function NotShown({ loss }: { loss: Loss | undefined }) {
  if (!loss) return <p class="dim">{isAway.value ? 'It is not shown yet.' : 'Loading'}</p>;
  if (!loss.isGone) return <Refused title={loss.message} />;
  return (
    <Empty title="There is no such task" text="It was never started, or it is no longer kept.">
      <a href={listHref()}>All tasks</a>
    </Empty>
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
          {isActive(status) && <Watchers snapshot={snapshot} />}
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
