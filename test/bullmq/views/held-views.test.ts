import { afterEach, describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { HeldViews } from '../../../lib/bullmq/views/held-views.js';
import { eventually } from '../../support/wait.js';

class FakeView {
  followed = 0;

  follow(): void {
    this.followed++;
  }
}

describe('views that are held', () => {
  let held = new HeldViews(0);

  afterEach(() => held.close());

  it('are asked for their end before Redis forgets it, each once and not earlier', async () => {
    held = new HeldViews(200);
    const [early, late] = [new FakeView(), new FakeView()];
    held.add(early);
    await delay(60);
    held.add(late);
    await eventually(() => early.followed === 1);
    expect(late.followed).toBe(0);
    await eventually(() => late.followed === 1);
    expect(early.followed).toBe(1);
  });

  it('are asked for it when their instance closes', () => {
    held = new HeldViews(60_000);
    const views = [new FakeView(), new FakeView()];
    for (const view of views) held.add(view);
    held.followAll();
    held.followAll();
    expect(views.map(({ followed }) => followed)).toEqual([1, 1]);
  });

  it('are not kept alive', async () => {
    held = new HeldViews(60_000);
    const collected: string[] = [];
    const registry = new FinalizationRegistry((name: string) => collected.push(name));
    (() => {
      const view = new FakeView();
      registry.register(view, 'view');
      held.add(view);
    })();
    await eventually(async () => {
      await delay(1);
      globalThis.gc?.();
      return collected.length === 1;
    });
  });
});
