import type { TaskView } from '../../engine/task-view.js';
import { chunkOf, type EventChunk } from '../../log/event-chunk.js';
import { formatFrame } from '../../log/event-frame.js';
import type { LogGap } from '../../log/log-cursor.js';
import { toJson } from '../../task/json.js';
import { publicSnapshot } from '../public-snapshot.js';

/** Writes the gaps of a run, as a watcher may see them. */
export class GapWriter {
  readonly #run: TaskView;
  #showsPrivate: boolean;

  /**
   * @param showsPrivate whether the first one may show the owner
   */
  constructor(run: TaskView, showsPrivate: boolean = false) {
    this.#run = run;
    this.#showsPrivate = showsPrivate;
  }

  jsonOf({ cause, missed }: LogGap): string {
    const json = toJson({ cause, missed, snapshot: publicSnapshot(this.#run.record, this.#showsPrivate) });
    // The authorizer was asked when the stream began. For a later gap its answer may be another.
    this.#showsPrivate = false;
    return json;
  }

  chunkOf(gap: LogGap): EventChunk {
    return chunkOf(formatFrame('gap', this.jsonOf(gap), gap.id));
  }
}
