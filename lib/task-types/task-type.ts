import type { ResolvedTaskOptions } from '../streaming.options.js';
import type { InputSchema } from '../task/options/task-options.js';
import type { TaskHandler } from '../task/task-handler.interface.js';
import type { TaskTypeRef } from '../task/task-ref.js';
import type { InputValidator } from './input/input-validator.js';

export interface TaskType extends TaskTypeRef {
  readonly options: ResolvedTaskOptions;
  /** What `validate` goes by. */
  readonly input?: InputSchema | undefined;
  readonly validate: InputValidator;
  /** The handler to run, or a promise of one where each try gets its own, with the request that `@Inject(REQUEST)` gives. */
  resolve(request: object): TaskHandler | Promise<TaskHandler>;
}
