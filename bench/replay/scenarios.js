import { column, rowsOf, whole } from '../support/scenario.js';
import { contenders, measureReplay } from './replay.js';

/** Of one event, in bytes. */
const eventBytes = 200_000;

/**
 * @param {{ quick: boolean }} size
 * @returns {readonly import('../support/scenario.js').Scenario[]}
 */
export function replayScenarios({ quick }) {
  const events = quick ? 50 : 5_000;
  const rate = quick ? 20e6 : 150e6;
  const size = events * eventBytes;
  return [
    {
      name: 'replay',
      title: `${size >= 1e9 ? `${size / 1e9} GB` : `${size / 1e6} MB`} replayed to a slow reader`,
      note:
        `Who takes ${rate / 1e6} MB per second, less than the server could send, and looks at every byte. The log keeps all ` +
        'of it, encoded before; what is held for the reader is what the process holds beyond that while it reads, garbage ' +
        'left out: the most of all samples.',
      rows: rowsOf(
        Object.keys(contenders),
        whole((contender) => measureReplay(contender, { events, eventBytes, rate })),
      ),
      table: {
        main: column('MB held', 'held', 1e-6),
        beside: [
          column('MB received', 'received', 1e-6),
          column('MB per second', 'bytesPerSecond', 1e-6),
          column('samples with a full socket, %', 'waitingShare', 100),
        ],
      },
    },
  ];
}
