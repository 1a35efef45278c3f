import { setTimeout as delay } from 'node:timers/promises';

/** Between two words, in milliseconds. */
const PAUSE = 60;

/** Stands for a language model, so that the sample needs no key and no network: it writes word by word, at the pace of one. */
export async function* writeAnswer(question: string, signal: AbortSignal): AsyncGenerator<string> {
  for (const word of answerTo(question).split(/(?<= )/)) {
    await delay(PAUSE, undefined, { signal });
    yield word;
  }
}

function answerTo(question: string): string {
  const numbers = Array.from({ length: 40 }, (_, index) => `${index + 1}`).join(', ');
  return (
    `You have asked: "${question}" I am no model, so I count instead of thinking: ${numbers}. ` +
    'Reload the page in the middle, and the text goes on where it was. Press Stop, and I stop, too: not only the page.'
  );
}
