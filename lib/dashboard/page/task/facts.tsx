import { now } from '../api.js';
import { bytes, duration, plural, runningFor, timeOf, wholeTimeOf } from '../format.js';
import type { ShownTask } from './task-state.js';

export function Facts({ shown: { snapshot } }: { shown: ShownTask }) {
  const { owner, createdAt, startedAt, endedAt, watchers = 0, attempt = 0, inputBytes, isHidden } = snapshot;
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
      {inputBytes !== undefined && (
        <Fact
          name="Input"
          value={inputBytes === 0 ? 'none' : bytes(inputBytes)}
          title={plural(inputBytes, 'byte')}
        />
      )}
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
