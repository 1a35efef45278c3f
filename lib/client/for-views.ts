/** What views need of the client that its users do not. A page without them does not load it. */
import type { TaskSnapshot } from '../task/task-snapshot.js';
import { outcomeOfSnapshot } from './outcome.js';
import { RemoteRun } from './remote-run.js';
import type { StreamingClient, TaskClient } from './streaming-client.js';
import type { TaskRun } from './task-run.js';
import type { RunOutcome, TaskShape } from './task-types.js';
import type { Source } from './watch/source.js';

/** Whether two task clients are of the same task type and the same client: `client.task()` makes one for each call. */
export function areOfOneClient<S extends TaskShape>(one: TaskClient<S>, other: TaskClient<S>): boolean {
  if (one === other) return true;
  return one.app === other.app && one.name === other.name && hubOf(one) === hubOf(other);
}

function hubOf(task: { attach(id: string): unknown }): unknown {
  const run = task.attach('any');
  return run instanceof RemoteRun ? run.hub : undefined;
}

/** Runs that are watched on the same connections, though they are found one after another. */
export class RunGroup {
  readonly #sources = new Set<Source>();

  /** A run that goes on behind what a list has told of it, and how it has ended, if it has. */
  add(
    client: Pick<StreamingClient, 'watch'>,
    snapshot: TaskSnapshot<unknown, unknown>,
  ): [TaskRun, RunOutcome | undefined] {
    const { app, name, id, lastEventId } = snapshot;
    const run = client.watch([{ app, name, id, ...(lastEventId !== null && { after: lastEventId }) }])[0];
    if (run instanceof RemoteRun) {
      run.group = this.#sources;
      run.hearSnapshot(snapshot);
    }
    return [run, outcomeOfSnapshot(snapshot)];
  }
}
