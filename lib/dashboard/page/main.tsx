import { render } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { about, readAbout } from './about.js';
import { type Connection, connection, hasHeard, isAway, now } from './api.js';
import { OpenedDialog } from './dialogs/ask.js';
import { summary } from './list/list-state.js';
import { ListView } from './list/list.js';
import { timeOf } from './format.js';
import { Notice } from './parts.js';
import { listHref, shownTask } from './route.js';
import { fault as taskFault } from './task/task-state.js';
import { TaskView } from './task/task.js';

const words: Readonly<Record<Connection, string>> = {
  connecting: 'Connecting',
  live: 'Live',
  offline: 'Not connected',
  refused: 'Not allowed',
  gone: 'Not there',
};

function Page() {
  const ref = shownTask.value;
  const key = ref ? `${ref.app}/${ref.name}/${ref.id}` : 'list';
  const isFirst = useRef(true);
  useEffect(() => {
    // The reader of a page that has changed begins at its title.
    if (!isFirst.current) document.querySelector<HTMLElement>('h1')?.focus();
    isFirst.current = false;
  }, [key]);
  const fault = ref ? taskFault.value : summary.value.fault;
  const isStale = connection.value === 'live' && fault !== undefined;
  return (
    <>
      <a class="skip" href="#content" onClick={skip}>
        Skip to the content
      </a>
      <div class="top" role="banner">
        <a class="brand" href={listHref()}>
          Tasks
        </a>
        {about.value?.by !== undefined && <span class="by">{about.value.by}</span>}
        <span class="connection" role="status" data-is={isStale ? 'stale' : connection.value}>
          <span class="dot" aria-hidden="true" />
          {isStale ? 'Out of date' : words[connection.value]}
        </span>
      </div>
      <Trouble fault={isStale ? fault : undefined} />
      <div id="content">{ref ? <TaskView key={key} of={ref} /> : <ListView key="list" />}</div>
      <OpenedDialog />
      <Notice />
    </>
  );
}

/** What keeps the page from being up to date. */
function Trouble({ fault }: { fault: string | undefined }) {
  const age = hasHeard.value ? ` What you see is of ${timeOf(now.value, now.value)}.` : '';
  const text = isAway.value ? 'The server cannot be reached' : fault;
  if (text === undefined) return null;
  return (
    <p class="banner" role="alert">
      <b>{text}.</b> {isAway.value ? `It is tried again.${age}` : 'What you see may be out of date.'}
    </p>
  );
}

/** The hash of the page says what is shown. */
function skip(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>('h1')?.focus();
}

void readAbout();
document.body.replaceChildren();
render(<Page />, document.body);
