import { describe, expect, it } from '@jest/globals';
import { ForbiddenException, Injectable } from '@nestjs/common';
import type { AuthorizeRequest, TaskAuthorizer } from 'nestjs-streaming';
import { call } from '../../../support/clients/http-client.js';
import { eventsOf, pathOf, resumeMany, serveMany, urlOf } from '../../../support/many-tasks.js';
import { adapters, expectNoHole, type Puppet, PuppetTask, watch } from '../../../support/watching.js';

describe.each(adapters)('tasks of a list that cannot be watched (%s)', (adapter) => {
  it('tasks that cannot be watched are told of on the stream; when none can, it is the error of the first', async () => {
    const { app, puppets } = await serveMany(adapter, 1);
    const [known] = puppets as [Puppet];
    const stream = await watch(urlOf(app, ['test/none/a', known, 'test/none/b']));
    const [one, two] = await stream.nextEvents(2);
    expect([one!.type, two!.type]).toEqual(['unavailable', 'unavailable']);
    expect(one!.data).toEqual({
      task: 'test/none/a',
      code: 'TASK_NOT_FOUND',
      message: 'There is no task test/none/a: it was never started, or is no longer kept',
    });
    expect(two!.data).toMatchObject({ task: 'test/none/b' });
    expect((await stream.next()).type).toBe('started');
    const none = await call('GET', urlOf(app, ['test/none/a', 'test/none/b']));
    expect(none).toMatchObject({ status: 404, body: { code: 'TASK_NOT_FOUND' } });
    await known.end();
    expect(await stream.ended).toBe('complete');
    // The end of all that can be watched is the end.
    expect((await resumeMany(app, ['test/none/a', known, 'test/none/b'], stream.lastEventId!)).status).toBe(
      204,
    );
  });

  it('A15 the authorizer is asked for each; what it hides is like a task that does not exist', async () => {
    @Injectable()
    class Owners implements TaskAuthorizer {
      authorize({ owner, action }: AuthorizeRequest): boolean | 'hide' {
        if (action !== 'watch') return false;
        if (owner === 'hidden') return 'hide';
        return owner === 'me';
      }
    }
    const task = new PuppetTask();
    const { app } = await serveMany(adapter, 0, { authorize: Owners }, task);
    const mine = await task.start(app, { owner: 'me' });
    const theirs = await task.start(app, { owner: 'them' });
    const hidden = await task.start(app, { owner: 'hidden' });
    const stream = await watch(urlOf(app, [hidden, mine, theirs, `test/${task.name}/none`]));
    await stream.nextEvents(4);
    const notices = stream.events.filter(({ type }) => type === 'unavailable').map(({ data }) => data);
    expect(notices).toMatchObject([
      { task: pathOf(hidden), code: 'TASK_NOT_FOUND' },
      { task: pathOf(theirs), code: 'FORBIDDEN' },
      { task: `test/${task.name}/none`, code: 'TASK_NOT_FOUND' },
    ]);
    expect(JSON.stringify(notices[0]).replaceAll(hidden.id, 'none')).toBe(JSON.stringify(notices[2]));
    expect(await hidden.handle.snapshot()).toMatchObject({ watchers: 0 });
    expect((await call('GET', urlOf(app, [theirs]))).status).toBe(403);
  });

  it('S9 a task that cannot be watched for a while goes on where it was', async () => {
    let isAllowed = true;
    @Injectable()
    class Moody implements TaskAuthorizer {
      authorize({ owner }: AuthorizeRequest): boolean {
        return isAllowed || owner === undefined;
      }
    }
    const task = new PuppetTask();
    const { app } = await serveMany(adapter, 0, { authorize: Moody }, task);
    const [open, guarded] = [await task.start(app), await task.start(app, { owner: 'ann' })];
    const before = await watch(urlOf(app, [open, guarded]));
    await before.nextEvents(2);
    guarded.count(3);
    await before.nextEvents(3);
    await before.close();

    isAllowed = false;
    const meanwhile = await resumeMany(app, [open, guarded], before.lastEventId!);
    expect((await meanwhile.next()).type).toBe('unavailable');
    open.count(2);
    await meanwhile.nextEvents(2);
    await meanwhile.close();

    isAllowed = true;
    guarded.count(2);
    const after = await resumeMany(app, [open, guarded], meanwhile.lastEventId!);
    await after.nextEvents(2);
    await Promise.all([open.end(), guarded.end()]);
    await after.ended;
    const events = [before, meanwhile, after].flatMap((stream) => stream.events);
    expect(events.map(({ type }) => type)).not.toContain('gap');
    for (const puppet of [open, guarded]) {
      expectNoHole(
        eventsOf(
          puppet,
          events.filter(({ type }) => type !== 'unavailable'),
        ),
      );
    }
  });

  it('an authorizer that throws for one of them is an error of the request, as it is for one task', async () => {
    @Injectable()
    class Failing implements TaskAuthorizer {
      authorize({ owner, action }: AuthorizeRequest): boolean {
        if (owner === 'down') throw new Error('The database of owners is down');
        if (owner === 'banned') throw new ForbiddenException('You are banned');
        if (owner === 'half' && action === 'status') throw new Error('The database is down by now');
        return true;
      }
    }
    const task = new PuppetTask({ replay: { events: 1 } });
    const { app } = await serveMany(adapter, 0, { authorize: Failing, http: { list: true } }, task);
    const [mine, down, banned, half] = (await Promise.all(
      ['me', 'down', 'banned', 'half'].map((owner) => task.start(app, { owner })),
    )) as [Puppet, Puppet, Puppet, Puppet];
    const internal = { status: 500, body: { message: 'Internal server error' } };
    const forbidden = { status: 403, body: { message: 'You are banned' } };
    expect(await call('GET', down.url)).toMatchObject(internal);
    expect(await call('GET', urlOf(app, [mine, down, 'test/none/a']))).toMatchObject(internal);
    expect(await call('GET', urlOf(app, [mine, banned]))).toMatchObject(forbidden);
    // A list fails with whichever it comes to first.
    expect([403, 500]).toContain((await call('GET', `${app.url}?app=test`)).status);
    // What comes first on the stream is a gap, whose snapshot may or may not say whose the task is.
    half.count(2);
    expect(await call('GET', urlOf(app, [mine, half]))).toMatchObject(internal);
    for (const puppet of [mine, down, banned, half]) {
      expect(await puppet.handle.snapshot()).toMatchObject({ watchers: 0 });
    }
    await (await watch(urlOf(app, [mine]))).next('started');
  });
});
