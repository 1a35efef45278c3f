import { connect } from 'node:http2';

/**
 * As `openWatcher`, over HTTP/2 without TLS: each watcher is a client of its own, so it has a connection of its own.
 *
 * @param {{ port: number, path: string }} request
 * @param {import('./watchers.js').Handlers} handlers
 * @returns {Promise<{ destroy: () => void }>}
 */
export function openHttp2Watcher({ port, path }, { onBytes, onClose }) {
  return new Promise((resolve, reject) => {
    const session = connect(`http://127.0.0.1:${port}`);
    session.on('error', reject);
    session.on('close', () => {
      reject(new Error(`GET ${path} was not answered`));
      onClose();
    });
    const stream = session.request({ ':path': path, accept: 'text/event-stream' });
    stream.on('error', reject);
    stream.on('close', () => session.destroy());
    stream.on('response', ({ ':status': status }) => {
      if (status === 200) resolve(session);
      else reject(new Error(`GET ${path} was answered with ${status}`));
    });
    stream.on('data', (/** @type {Buffer} */ bytes) => onBytes(bytes, bytes.length));
  });
}
