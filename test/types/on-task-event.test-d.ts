/** Nothing here is run: the compiler is the test. */
import { type EventTask, OnTaskEvent, type TaskEvent } from 'nestjs-streaming';
import { typed } from './expect-type.js';

export class Listeners {
  @OnTaskEvent()
  nothing(): void {}

  @OnTaskEvent('completed')
  event(event: TaskEvent): void {
    typed(event.type)<string>(true);
  }

  @OnTaskEvent(['progress', 'note'], { app: 'a' })
  async narrowed(event: TaskEvent<{ percent: number }>, task: EventTask): Promise<void> {
    typed(event.data.percent)<number>(true);
    typed(task.owner)<string | undefined>(true);
  }

  // @ts-expect-error an event is no text
  @OnTaskEvent()
  text(_event: string): void {}

  // @ts-expect-error there is no third argument
  @OnTaskEvent()
  third(_event: TaskEvent, _task: EventTask, _more: string): void {}

  // @ts-expect-error no such option
  @OnTaskEvent('completed', { id: '1' })
  option(): void {}
}
