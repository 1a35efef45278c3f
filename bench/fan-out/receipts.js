/** How the process of the watchers tells that of the server, past it, that all of them have got a tick's events. */
import { connect, createServer } from 'node:net';

/** At the server. They end when a watcher is lost. */
export class Receipts {
  /** @readonly */
  #server = createServer((socket) => {
    socket.on('data', (bytes) => {
      this.#ticks += bytes.length;
      this.#wake();
    });
    // Its close follows.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#areWhole = false;
      this.#wake();
    });
  });
  #ticks = 0;
  #areWhole = true;
  #wake = () => {};

  /** @returns {Promise<number>} the port where receipts are taken */
  async listen() {
    await new Promise((resolve) => {
      this.#server.listen(0, '127.0.0.1', () => resolve(undefined));
    });
    return /** @type {import('node:net').AddressInfo} */ (this.#server.address()).port;
  }

  /**
   * Waits until every watcher has got so many ticks.
   *
   * @param {number} ticks
   */
  async reach(ticks) {
    while (this.#ticks < ticks) {
      if (!this.#areWhole) throw new Error('A watcher was disconnected');
      await new Promise((resolve) => {
        this.#wake = () => resolve(undefined);
      });
    }
  }
}

/**
 * At the watchers.
 *
 * @param {number} port
 * @returns {Promise<{ tick: () => void, end: () => void }>} `tick` tells of one more, `end` that there will be none
 */
export async function openReceipts(port) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return {
    tick: () => void socket.write('.'),
    end: () => socket.destroy(),
  };
}
