import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { MessageEvent } from '@nestjs/common';
import { createParser } from 'eventsource-parser';
import * as fc from 'fast-check';
import { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Observable } from 'rxjs';
import type { TaskRun } from '../../../../lib/run/task-run.js';
import { TaskStore } from '../../../../lib/engine/local/task-store.js';
import { SharedStream } from '../../../../lib/http/stream/connection/shared-stream.js';
import { FlushQueue } from '../../../../lib/http/stream/broadcast/flush-queue.js';
import { LogBroadcast } from '../../../../lib/http/stream/broadcast/log-broadcast.js';
import {
  NestCarrier,
  ownCarrier,
  type StreamCarrier,
} from '../../../../lib/http/stream/output/stream-carrier.js';
import { chunkOf } from '../../../../lib/log/wire/event-chunk.js';
import { NestWriter } from '../../../../lib/http/stream/output/nest-writer.js';
import { bodyOf } from '../../../support/clients/raw-socket.js';
import type { SseEvent } from '../../../support/clients/sse.js';
import { LateLog } from '../../../support/late-log.js';
import { createTaskApp, expectNoHole, type Puppet, PuppetTask, seqOf } from '../../../support/watching.js';

const steps = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('send' as const), count: fc.nat({ max: 4 }) }) },
  // Some chunks of it.
  { weight: 1, arbitrary: fc.record({ do: fc.constant('send' as const), count: fc.nat({ max: 400 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('open' as const), at: fc.nat({ max: 1_000 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('open at the end' as const), count: fc.nat({ max: 30 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('leave' as const), who: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('hold' as const), who: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('release' as const), who: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('release all' as const) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave all' as const) }) },
);

type Step = typeof steps extends fc.Arbitrary<infer Value> ? Value : never;

/** One that was blocked comes back in the midst of a round: what that writes, it has read for itself. */
const caughtUpWhileOthersAreWrittenTo: Step[] = [
  { do: 'open at the end', count: 20 },
  ...turns(10),
  { do: 'hold', who: 0 },
  { do: 'send', count: 100 },
  ...turns(20),
  { do: 'send', count: 1 },
  ...turns(1),
  { do: 'release', who: 0 },
  ...turns(10),
];

/** One that opens shares what it reads, and the next event comes before that is written to others. */
const openedBeforeTheNewestEvent: Step[] = [
  { do: 'open', at: 0 },
  { do: 'send', count: 1 },
  { do: 'open', at: 0 },
  { do: 'send', count: 1 },
  ...turns(10),
];

function turns(count: number): Step[] {
  return Array.from({ length: count }, () => ({ do: 'turn' }));
}

/** A socket whose client takes everything at once, or nothing while it is held. */
class ClientSocket extends Duplex {
  received = '';
  #holds = false;
  #taken: (() => void) | undefined;

  constructor() {
    super({ highWaterMark: 1_024, decodeStrings: true });
  }

  hold(): void {
    this.#holds = true;
  }

  release(): void {
    this.#holds = false;
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  override _write(bytes: Buffer, _encoding: string, callback: () => void): void {
    this.received += bytes.toString('latin1');
    if (this.#holds) this.#taken = callback;
    else callback();
  }

  override _read(): void {}
}

/** The largest event has fewer bytes. */
const recent = 1_024;

class Client {
  readonly socket = new ClientSocket();
  isEnded = false;
  hasLeft = false;
  #connection: SharedStream | undefined;

  constructor(
    run: TaskRun,
    broadcast: LogBroadcast,
    readonly after: number,
    isServedByNest: boolean,
  ) {
    const socket = this.socket as unknown as Socket;
    const request = new IncomingMessage(socket);
    Object.assign(request, { httpVersionMajor: 1, httpVersionMinor: 1 });
    const response = new ServerResponse(request);
    response.assignSocket(socket);
    response.flushHeaders();
    const task = { view: run, position: { after }, showsPrivate: false };
    const connect = (carrier: StreamCarrier): void => {
      const greeting = chunkOf('retry: 1\n');
      this.#connection = new SharedStream(
        { response, carrier, greeting, endsAt: undefined },
        task,
        broadcast,
      );
    };
    const complete = (): void => {
      this.isEnded = true;
      this.leave();
    };
    if (isServedByNest) {
      new Observable<MessageEvent>((stream) => {
        connect(new NestCarrier(NestWriter.of(response), stream));
      }).subscribe({ complete });
    } else {
      connect(ownCarrier);
      response.once('finish', complete);
    }
    this.#connection?.open();
  }

  leave(): void {
    if (this.hasLeft) return;
    this.hasLeft = true;
    this.#connection?.close();
  }

  /** Of the newest event that has come, by what came last: to parse all of it in each turn would take minutes. */
  get newestSeq(): number {
    const ids = [...this.socket.received.slice(-recent).matchAll(/^id: \S+-(\d+)$/gm)];
    return Number(ids.at(-1)?.[1] ?? this.after);
  }

  get events(): SseEvent[] {
    const events: SseEvent[] = [];
    const parser = createParser({
      onEvent: ({ id, event = 'message', data }) =>
        events.push({ id, type: event, raw: data, data: JSON.parse(data) as unknown }),
    });
    parser.feed(Buffer.from(bodyOf(this.socket.received), 'latin1').toString());
    return events;
  }
}

/** One task with all who watch it, as the connections keep them: a broadcast as long as somebody is there. */
class Audience {
  readonly clients: Client[] = [];
  readonly #queue = new FlushQueue();
  #broadcast: LogBroadcast | undefined;

  constructor(
    readonly run: TaskRun,
    readonly isServedByNest: boolean,
  ) {}

  get present(): Client[] {
    return this.clients.filter(({ hasLeft }) => !hasLeft);
  }

  open(after: number): void {
    if (!this.#broadcast || this.#broadcast.size === 0)
      this.#broadcast = new LogBroadcast(this.run.log, this.#queue);
    this.clients.push(new Client(this.run, this.#broadcast, after, this.isServedByNest));
  }

  pick(who: number): Client | undefined {
    return this.present[who % this.present.length];
  }

  /** All take what they get, until there is no more. */
  async settle(): Promise<void> {
    const { lastSeq } = this.run.log;
    const isDone = ({ newestSeq, isEnded }: Client): boolean =>
      isEnded || (!this.run.log.ended && newestSeq === lastSeq);
    for (let turn = 0; turn < 10_000 && (turn < 2 || !this.present.every(isDone)); turn++) {
      for (const { socket } of this.clients) socket.release();
      await nextTurn();
    }
  }
}

describe.each([
  ['here', false],
  ['elsewhere', true],
])('a broadcast and its watchers, whatever they do, of a log that is %s', (_where, isElsewhere) => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  /** A clock that goes on whenever it is looked at, so that a round of writing is cut short anywhere. */
  function hurry(step: number): void {
    let now = performance.now();
    jest.spyOn(performance, 'now').mockImplementation(() => (now += step));
  }

  async function take(audience: Audience, puppet: Puppet, path: readonly Step[]): Promise<void> {
    const { log } = audience.run;
    for (const step of path) {
      if (step.do === 'send') for (let n = 0; n < step.count; n++) puppet.send('part', 'é😀'.repeat(n % 40));
      else if (step.do === 'open') audience.open(step.at % (log.lastSeq + 1));
      else if (step.do === 'open at the end') for (let n = 0; n < step.count; n++) audience.open(log.lastSeq);
      else if (step.do === 'leave') audience.pick(step.who)?.leave();
      else if (step.do === 'release all') for (const { socket } of audience.present) socket.release();
      else if (step.do === 'leave all') for (const client of audience.present) client.leave();
      else if (step.do === 'hold') audience.pick(step.who)?.socket.hold();
      else if (step.do === 'release') audience.pick(step.who)?.socket.release();
      else await nextTurn();
    }
  }

  it('each gets every event once, in order, and the end', async () => {
    const tasks = [5, 100, 10_000].map((events) => new PuppetTask({ replay: { events } }));
    const { app, coordinator } = await createTaskApp({ tasks: tasks.map(({ type }) => type), listen: false });
    const store = app.get(TaskStore);
    if (isElsewhere) {
      store.createLog = (ref, limits) =>
        Object.assign(new LateLog(ref, limits), { keeps: true, later: setImmediate });
    }

    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: tasks.length - 1 }),
        fc.constantFrom(0.01, 0.5, 2, 6),
        fc.array(steps, { minLength: 10, maxLength: 120 }),
        fc.boolean(),
        async (index, clockStep, path, isServedByNest) => {
          const puppet = await tasks[index]!.start({ url: '', coordinator });
          const audience = new Audience(store.find(puppet.handle.ref)!, isServedByNest);
          const { log } = audience.run;
          hurry(clockStep);
          await take(audience, puppet, path);
          await audience.settle();
          const stayed = audience.present;
          for (const { events, after } of stayed)
            expect(events.length > 0 ? seqOf(events.at(-1)!) : after).toBe(log.lastSeq);
          await puppet.end();
          await audience.settle();
          jest.restoreAllMocks();

          for (const { events, after } of audience.clients) expectNoHole(events, after);
          for (const { events, isEnded, socket } of stayed) {
            expect(isEnded).toBe(true);
            expect(events.filter(({ type }) => type === 'completed')).toHaveLength(1);
            expect(seqOf(events.at(-1)!)).toBe(log.lastSeq);
            if (!isServedByNest) expect(socket.received.split('\r\n0\r\n\r\n')).toHaveLength(2);
          }
        },
      ),
      {
        numRuns: 60,
        examples: [
          [2, 6, caughtUpWhileOthersAreWrittenTo, true],
          [0, 6, openedBeforeTheNewestEvent, false],
        ],
      },
    );
  });
});
