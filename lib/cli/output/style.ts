import { styleText } from 'node:util';

export type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';

/** Texts for a terminal, in colour where it shows colours. */
export class Style {
  readonly #isColoured: boolean;

  constructor(isColoured: boolean) {
    this.#isColoured = isColoured;
  }

  of(colour: Colour, text: string): string {
    return this.#isColoured ? styleText(colour, text, { validateStream: false }) : text;
  }

  status(status: string): string {
    return this.of(colours[status] ?? 'cyan', status);
  }
}

const colours: Record<string, Colour | undefined> = {
  completed: 'green',
  failed: 'red',
  gone: 'red',
  cancelled: 'yellow',
  cancelling: 'yellow',
  timeout: 'yellow',
  gap: 'yellow',
};

/** Whether a stream shows colours (https://no-color.org). */
export function showsColours(isTerminal: boolean, env: NodeJS.ProcessEnv): boolean {
  const { NO_COLOR: noColor = '', TERM: term } = env;
  return isTerminal && noColor === '' && term !== 'dumb';
}

/** Text of a task on one line, without what would move the cursor, colour the rest or turn it round. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
}

/** The same of several lines. */
export function plainLines(text: string): string {
  return text.split('\n').map(plain).join('\n');
}
