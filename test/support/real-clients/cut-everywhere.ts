/** One stream with all there can be in it, cut for one client after the other behind each of its bytes. */
import { expect } from '@jest/globals';
import { createParser } from 'eventsource-parser';
import { createClientApp } from './browser-clients.js';
import { CuttingProxy, type Delivery, type Exchange } from './cutting-proxy.js';
import type { ClientGroup, OpenClients, Seen } from './stream-clients.js';
import { StoppedClock } from '../stopped-clock.js';
import { eventually } from '../wait.js';
import type { Adapter, PuppetTask, TaskApp } from '../watching.js';

const heartbeat = 15_000;
const lastChunk = '0\r\n\r\n';

/** Text of more than one byte for a letter, and what looks like framing. */
export const text = 'grün 💥\u2028\n\r\ndata: no';

/** What a client sees, without what differs from run to run. */
export const whole = ['started 1', 'n 1', 'n 2', `text ${text}`, 'n 3', 'completed 7'];

/** The same for one that began with a position of no log. */
export const withGap = ['gap', ...whole];

export function brief({ type, data }: Seen): string {
  const value = JSON.parse(data) as unknown;
  if (type === 'gap') return type;
  if (type === 'started') return `${type} ${(value as { attempt: number }).attempt}`;
  if (type === 'completed') return `${type} ${(value as { finalValue: number }).finalValue}`;
  return `${type} ${String(value)}`;
}

/** An application behind a proxy, on a clock that stands still: heartbeats come when the script says so. */
export class Stage {
  private constructor(
    private readonly task: PuppetTask,
    private readonly app: TaskApp,
    private readonly clock: StoppedClock,
    readonly proxy: CuttingProxy,
  ) {}

  /**
   * @param deliveryOf what becomes of the first answer to each path; later ones are handed on whole
   */
  static async open(
    adapter: Adapter,
    deliveryOf: (path: string) => Delivery,
    body: (stage: Stage) => Promise<void>,
  ): Promise<void> {
    using clock = new StoppedClock();
    const [task, app] = await createClientApp(adapter, { heartbeat });
    const proxy = await CuttingProxy.open(app.port, (path, earlier) =>
      earlier.length === 0 ? deliveryOf(path) : {},
    );
    await body(new Stage(task, app, clock, proxy));
  }

  /**
   * The whole life of a task, watched by a client for each query.
   *
   * @returns the clients once they have stopped, and the paths they asked for
   */
  async play(
    open: OpenClients,
    queries: readonly string[],
  ): Promise<{ clients: ClientGroup; paths: string[] }> {
    const puppet = await this.task.start(this.app);
    puppet.count(2);
    const paths = queries.map((query) => `${new URL(puppet.url).pathname}?${query}`);
    const clients = await open(paths.map((each) => this.proxy.origin + each));
    /** Each client's first connection has come so far, if it was not cut before. */
    const until = async (reached: (exchange: Exchange) => boolean): Promise<void> => {
      let missing = paths;
      await eventually(
        () => {
          missing = missing.filter((each) => {
            const [first] = this.proxy.of(each);
            return !first || !(first.isCut || reached(first));
          });
          if (missing.length > 0)
            throw new Error(`${missing.length} clients, ${missing[0]} the first of them`);
        },
        { interval: 5, timeout: 20_000 },
      );
    };
    await until(({ body }) => body.includes('data: 2\n'));
    await this.clock.advance(heartbeat);
    await until(({ heartbeats }) => heartbeats === 1);
    puppet.send('text', text);
    puppet.count(1);
    await until(({ body }) => body.includes('data: 3\n'));
    await this.clock.advance(heartbeat);
    await until(({ heartbeats }) => heartbeats === 2);
    await puppet.end(7);
    await clients.stopped();
    return { clients, paths };
  }
}

/** The id of the last event that is whole in a body that was cut. */
function positionIn(body: string): string | undefined {
  let last: string | undefined;
  const parser = createParser({
    onEvent: ({ id }) => {
      last = id;
    },
  });
  parser.feed(Buffer.from(body, 'latin1').toString());
  return last;
}

export interface CutOptions {
  readonly adapter: Adapter;
  readonly open: OpenClients;
  /** How the connection is cut behind a byte, of the head or of the body. */
  readonly how: (at: number, part: 'head' | 'body') => 'reset' | 'fin';
  /** How many clients are cut together. */
  readonly parallel: number;
  /** Without it only the body is cut. Default `true`. */
  readonly head?: boolean;
  /** Each begins with an id that is none: with a gap. Default `true`. */
  readonly gap?: boolean;
}

/** How one client fared whose connection was cut. */
export interface Fared {
  /** Behind which byte of the answer. */
  readonly at: number;
  /** The last of what it got before the cut. */
  readonly tail: string;
  readonly seen: readonly string[];
  /** What it came back with. */
  readonly position: string | undefined;
  /** The id of the last event that was whole. */
  readonly expected: string | undefined;
}

/** Cuts one stream behind each of its bytes, for a client of its own each time, and tells how these fared. */
export async function cutEverywhere(options: CutOptions): Promise<Fared[]> {
  const { adapter, open, how, parallel, head = true, gap = true } = options;
  const fared: Fared[] = [];
  const spared: number[] = [];
  let headEnd = 0;
  const deliveryOf = (path: string): Delivery => {
    const at = Number(/&cut=([0-9]+)$/.exec(path)?.[1] ?? Infinity);
    return { cutAfter: at, how: how(at, at < headEnd ? 'head' : 'body') };
  };
  await Stage.open(adapter, deliveryOf, async (stage) => {
    // Whoever comes back with the header is not bothered by what stands in the URL.
    const start = gap ? 'lastEventId=zzzzzzzz-9' : 'lastEventId=';
    const cutAt = async (positions: readonly number[]): Promise<void> => {
      const { clients, paths } = await stage.play(
        open,
        positions.map((at) => `${start}&cut=${at}`),
      );
      const seen = await clients.seen();
      positions.forEach((at, index) => {
        const [first, second] = stage.proxy.of(paths[index] ?? '');
        if (!first?.isCut) spared.push(at);
        fared.push({
          at,
          tail: first?.delivered.slice(-60) ?? '',
          seen: (seen[index] ?? []).map(brief),
          position: second?.lastEventId,
          expected: positionIn(first?.body ?? ''),
        });
      });
    };
    const uncut = await stage.play(open, [start]);
    expect((await uncut.clients.seen()).map((events) => events.map(brief))).toEqual([gap ? withGap : whole]);
    const { delivered } = stage.proxy.of(uncut.paths[0] ?? '')[0] ?? { delivered: '' };
    headEnd = delivered.indexOf('\r\n\r\n') + 4;
    // The gap tells how many watch: in up to three digits.
    const end = delivered.length + 2;
    // Until they are told `retry`, clients take their time: all together, and without a connection meanwhile.
    const told = delivered.indexOf(': connected');
    expect(told).toBeGreaterThan(headEnd);
    const from = head ? 1 : headEnd;
    await cutAt(numbers(from, told));
    for (let at = told + 1; at <= end; at += parallel) {
      await cutAt(numbers(at, Math.min(at + parallel - 1, end)));
    }
    expect(fared.map(({ at }) => at)).toEqual(numbers(from, end));
    // Behind the terminal event a client may close before the last chunk has come; behind that there is nothing to cut.
    expect(spared.filter((at) => at <= delivered.length - lastChunk.length)).toEqual([]);
    expect(fared.at(-1)?.tail).toMatch(/\n\n\r\n(0\r\n\r\n)?$/);
  });
  return fared;
}

function numbers(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
}

/** Those that did not see each event once, and in order. */
export function unlucky(fared: readonly Fared[], expected: readonly string[]): readonly Fared[] {
  return fared.filter(({ seen }) => seen.join('|') !== expected.join('|'));
}

/** Behind every other byte with a reset, behind the others with a FIN; on the other adapter it is the other way round. */
export function alternating(adapter: Adapter, at: number): 'reset' | 'fin' {
  return (at % 2 === 0) === (adapter === 'express') ? 'reset' : 'fin';
}
