import { expect, it } from '@jest/globals';
import type { TaskContext } from 'nestjs-streaming';
import { TaskEngine } from '../../../lib/engine/task-engine.js';
import { collect, handlerTask } from '../../support/app.js';
import { describeWithRedis } from '../../support/programs/redis.js';
import { Instances } from '../support/instances.js';
import { expectWhole } from '../support/whole.js';

const totalBytes = 300_000;
const pageBytes = 64 * 1024;

describeWithRedis('the events that an instance keeps of the logs that it watches', [], (server) => {
  it('are no more than replay.totalBytes, and those who watch have all of them', async () => {
    const type = handlerTask(async (task: TaskContext) => {
      for (let n = 0; n < 25; n++) await task.sendEvent('n', 'x'.repeat(10_000));
    });
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb({ options: { replay: { totalBytes } } });
    await instances.start();
    const handles = await Promise.all(Array.from({ length: 8 }, () => web.coordinator.start(type, {})));
    await Promise.all(handles.map(({ outcome }) => outcome));
    const engine = web.app.get(TaskEngine);
    const views = await Promise.all(handles.map(async ({ ref }) => engine.find(ref)));
    let most = 0;
    const read = handles.map(async (handle, n) => {
      const events = collect(handle.events());
      // It stays open, as a slow client does.
      const subscription = views[n]!.log.subscribe(() => {
        most = Math.max(
          most,
          views.map((view) => view!.log.bytes).reduce((sum, bytes) => sum + bytes),
        );
      });
      const all = await events.done;
      expectWhole(all);
      expect(all).toHaveLength(27);
      return subscription;
    });
    for (const subscription of await Promise.all(read)) subscription.unsubscribe();
    expect(most).toBeGreaterThan(totalBytes / 2);
    expect(most).toBeLessThan(totalBytes + handles.length * pageBytes);
  });
});
