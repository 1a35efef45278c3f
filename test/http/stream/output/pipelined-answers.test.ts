import { describe, expect, it } from '@jest/globals';
import { Controller, Get } from '@nestjs/common';
import type { StreamingModuleOptions } from 'nestjs-streaming';
import type { RawSocket } from '../../../support/clients/raw-socket.js';
import { deferred, patience, withTimeout } from '../../../support/wait.js';
import { adapters, connectRaw, createTaskApp, PuppetTask, type TaskApp } from '../../../support/watching.js';

/** What a client asks for behind a stream, on the same connection: its turn comes when the stream ends. */
describe.each(adapters)('requests behind a stream (%s)', (adapter) => {
  interface Served {
    readonly app: TaskApp;
    readonly peer: RawSocket;
    /** Answers the third of them; the others are answered at once. */
    answer(): void;
  }

  async function serve(options: StreamingModuleOptions): Promise<Served> {
    const asked = deferred();
    const answered = deferred();
    @Controller('answers')
    class AnswersController {
      @Get('soon')
      soon(): string {
        return 'soon enough';
      }

      @Get('late')
      async late(): Promise<string> {
        asked.resolve();
        await answered.promise;
        return 'better late than never';
      }
    }
    const task = new PuppetTask();
    const app = await createTaskApp({
      adapter,
      tasks: [task.type],
      controllers: [AnswersController],
      options,
    });
    const puppet = await task.start(app);
    const peer = await connectRaw(app.port);
    peer.request('GET', new URL(puppet.url).pathname);
    for (const path of ['soon', 'soon', 'late', 'soon']) peer.request('GET', `/answers/${path}`);
    await peer.until('event: started');
    await withTimeout(asked.promise, patience, 'the request behind the stream');
    return { app, peer, answer: answered.resolve };
  }

  /** Those that were answered at once have their turn first. */
  function turn(peer: RawSocket): Promise<void> {
    return peer.until((received) => received.split('soon enough').length === 3);
  }

  async function expectLastToSaySo(peer: RawSocket): Promise<void> {
    await peer.closed;
    expect(peer.went).toBe('ended');
    const [, one, two, last, ...more] = peer.received.split(/(?=HTTP\/1\.1 )/);
    for (const soon of [one, two]) expect(soon).not.toMatch(/\r\nconnection: close\r\n/i);
    expect(last).toMatch(/\r\nconnection: close\r\n[^]*better late than never/i);
    expect(more).toEqual([]);
  }

  it('when it ends for its age, they are answered up to the first that was not yet, which says that it is the last', async () => {
    const { peer, answer } = await serve({ http: { maxAge: 100 } });
    await turn(peer);
    answer();
    await expectLastToSaySo(peer);
  });

  it('S56 at the shutdown likewise', async () => {
    const { app, peer, answer } = await serve({});
    const closed = app.app.close();
    await turn(peer);
    answer();
    await expectLastToSaySo(peer);
    await closed;
  });

  it('S56 one that is never answered does not hold up the close', async () => {
    const { app, peer } = await serve({ shutdown: { timeout: 100 } });
    await app.app.close();
    await peer.closed;
    expect(peer.received).toContain('event: cancelled');
  });

  it('S56 nor does one that is left of a stream that ended for its age', async () => {
    const { app, peer } = await serve({ http: { maxAge: 100 }, shutdown: { timeout: 100 } });
    await turn(peer);
    await app.app.close();
    await peer.closed;
  });
});
