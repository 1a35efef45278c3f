import { StreamTask, type TaskContext } from 'nestjs-streaming';

/** What the task types of `test/fixtures/instances/member.js` take. */
export type MemberInput =
  | { readonly body: 'rows'; readonly events: number; readonly pause: number }
  | { readonly body: 'race'; readonly ms: number; readonly end: string }
  | { readonly body: 'zombie'; readonly end: string };

/** These run in processes: here they are only started and watched. */
class Elsewhere {
  async process(_task: TaskContext<MemberInput>): Promise<unknown> {
    throw new Error('It runs elsewhere');
  }
}

/** Runs once at most. */
@StreamTask({ app: 'test', name: 'once' })
export class Once extends Elsewhere {}

@StreamTask({ app: 'test', name: 'resumed', resumable: true })
export class Resumed extends Elsewhere {}

/** Folds its events: how many there are, and the sum of the numbers in them. */
@StreamTask({
  app: 'test',
  name: 'folding',
  resumable: true,
  state: {
    initial: { count: 0, sum: 0 },
    reduce: () => {
      throw new Error('It runs elsewhere');
    },
  },
})
export class Folding extends Elsewhere {}

@StreamTask({ app: 'test', name: 'tried', attempts: 2, backoff: 20 })
export class Tried extends Elsewhere {}

/** Sends each signal `go` as an event. */
@StreamTask({ app: 'test', name: 'waiting' })
export class Waiting extends Elsewhere {}

/** Fails twice. */
@StreamTask({ app: 'test', name: 'flaky', attempts: 3, backoff: 600 })
export class Flaky {
  async process(): Promise<number> {
    throw new Error('It runs elsewhere');
  }
}
