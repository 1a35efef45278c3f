import { count } from '../format.js';
import type { Snapshot } from '../types.js';

/** Who watches it, by the names that the application gives. */
export function Watchers({ snapshot: { watchers = 0, watchedBy } }: { snapshot: Snapshot }) {
  if (!watchedBy) return null;
  const { names, others, isPart } = watchedBy;
  const known = names.reduce((sum, { streams }) => sum + streams, others);
  const unknown = watchers - known;
  // How many they are is among the facts.
  if (names.every(({ name }) => name === undefined) && !(isPart && unknown > 0)) return null;
  return (
    <section aria-labelledby="watchers">
      <h2 id="watchers">Watched by</h2>
      <ul class="watchers">
        {names.map(({ name, streams }) => (
          <Watcher
            key={name === undefined ? '' : `=${name}`}
            name={name ?? 'no name'}
            streams={streams}
            isKnown={name !== undefined}
          />
        ))}
        {others > 0 && <Watcher name="others" streams={others} isKnown={false} />}
        {unknown > 0 && (
          <Watcher
            name={isPart ? 'on other instances, or in code' : 'in code'}
            streams={unknown}
            isKnown={false}
          />
        )}
      </ul>
      {isPart && <p class="dim">This instance knows the names of its own clients alone.</p>}
    </section>
  );
}

function Watcher({ name, streams, isKnown }: { name: string; streams: number; isKnown: boolean }) {
  return (
    <li>
      <span class={isKnown ? undefined : 'dim'}>{name}</span>
      {streams > 1 && <b title={`${count(streams)} streams`}>{count(streams)}</b>}
    </li>
  );
}
