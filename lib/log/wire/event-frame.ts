/**
 * One event as it goes over the wire. The id stands last: a client may take it as soon as it reads its line.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export function formatFrame(type: string, json: string, id: string): string {
  return beforeData(type) + json + afterData(id);
}

/** The JSON in {@link formatFrame}'s text, from its bytes. */
export function jsonOf(frame: Buffer, type: string, id: string): string {
  return frame.toString('utf8', beforeData(type).length, frame.length - afterData(id).length);
}

function beforeData(type: string): string {
  return `event: ${type}\ndata: `;
}

function afterData(id: string): string {
  return `\nid: ${id}\n\n`;
}

/** `event: `, `data: `, `id: ` and their line ends, and the blank line. */
const punctuation = formatFrame('', '', '').length;

/** The length of {@link formatFrame}'s text in bytes, without making it or the epoch. Types and ids are ASCII. */
export function frameLength(type: string, json: string, epochLength: number, seq: number): number {
  return punctuation + type.length + Buffer.byteLength(json) + epochLength + 1 + digitsOf(seq);
}

function digitsOf(count: number): number {
  let digits = 1;
  for (let rest = count; rest >= 10; rest /= 10) digits++;
  return digits;
}
