import type { Board } from './board.js';
import { chart, type Mark } from './chart.js';
import { check } from './check.js';
import type { RedisLoad } from './demo.js';
import type { Watcher } from './watcher.js';

export interface DemoResult {
  readonly instances: readonly string[];
  readonly board: Board;
  readonly marks: readonly Mark[];
  /** Of each task. */
  readonly watchers: readonly (readonly Watcher[])[];
  /** Milliseconds after the kill until all went on. */
  readonly recovery: number;
  /** `undefined` for a Redis that others may use. */
  readonly load: RedisLoad | undefined;
}

/** Prints what came of it. Returns whether everything is whole. */
export function printReport({ instances, board, marks, watchers, recovery, load }: DemoResult): boolean {
  const found = check(watchers);
  const count = watchers.flat().length;
  const lost = board.moves.filter(({ cause }) => cause === 'lost');
  const handedOver = board.moves.filter(({ cause }) => cause === 'handover');
  const longestPause = Math.max(0, ...handedOver.map(({ pause }) => pause));
  const reconnections = watchers.flat().reduce((sum, watcher) => sum + watcher.reconnections, 0);
  const lines: [what: string, value: string][] = [
    ['watchers whose sequence is whole', `${found.whole} of ${count}`],
    ['events that the tasks sent', `${found.sent}`],
    ['events that watchers received', `${found.received} of ${found.expected}`],
    ['missing, doubled, reported as gaps', `${found.missing}, ${found.doubled}, ${found.gaps}`],
    ['tasks that completed', `${board.completed} of ${board.ids.length}`],
    ['streams that ended early and went on', `${reconnections}`],
    ['tasks lost by the kill, and resumed', `${lost.length}, the last one after ${inSeconds(recovery)}`],
    ['tasks handed over by restarts', `${handedOver.length}, the longest pause ${inSeconds(longestPause)}`],
    ['rows imported twice, before a checkpoint', `${board.repeated}`],
  ];
  if (load)
    lines.push(['Redis while all ran', `${load.connections} connections, ${load.megabytes.toFixed(1)} MB`]);
  console.log(`
  Rows in each second, by the instance that imported them (× killed, ↻ restarted)

${chart(instances, board.rows, marks)
  .map((line) => `    ${line}`)
  .join('\n')}

${lines.map(([what, value]) => `    ${what.padEnd(40)} ${value}`).join('\n')}
`);
  const isWhole = found.whole === count && found.gaps === 0 && board.completed === board.ids.length;
  console.log(isWhole ? "  Every watcher's sequence is whole.\n" : '  Something is missing.\n');
  return isWhole;
}

function inSeconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
