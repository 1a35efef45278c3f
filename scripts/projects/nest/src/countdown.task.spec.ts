import { createRequire } from 'node:module';
import { join } from 'node:path';
import * as streaming from 'nestjs-streaming';
import { type TaskHarness, taskHarness } from 'nestjs-streaming/testing';
import { AppService } from './app.service.js';
import { CountdownTask } from './countdown.task.js';

describe('CountdownTask', () => {
  let harness: TaskHarness<CountdownTask>;

  beforeEach(() => {
    harness = taskHarness(CountdownTask, { providers: [AppService] });
  });

  afterEach(() => harness.close());

  it('counts down, one number a second', async () => {
    const run = await harness.start({ from: 3_600 });
    await run.advance(3_600_000);
    expect(await run.result).toEqual({ said: 'Hello World!' });
  });

  it('stops when it is cancelled', async () => {
    const run = await harness.start({ from: 3 });
    await run.cancel();
    const error: unknown = await run.result.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(streaming.CancelledError);
  });

  it('refuses an input that its class does not allow', async () => {
    const error: unknown = await harness.start({ from: 0 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(streaming.InvalidInputError);
  });
});

describe('nestjs-streaming', () => {
  it('has one copy of each class, by import and by require', () => {
    const required = createRequire(join(process.cwd(), 'package.json'))(
      'nestjs-streaming',
    ) as typeof streaming;
    expect(required.StreamingModule).toBe(streaming.StreamingModule);
    expect(required.CancelledError).toBe(streaming.CancelledError);
  });
});
