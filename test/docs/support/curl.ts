import { execFile } from 'node:child_process';
import { request } from 'node:http';
import { promisify } from 'node:util';

const runFile = promisify(execFile);

export interface CurlRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** The commands of a shell block, a line each, those that go on over several lines joined. */
export function commandsOf(text: string): string[] {
  return text
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line !== '');
}

/** The words of a command, as far as the README needs a shell: single quotes, nothing else. */
function wordsOf(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
}

/** Reads a `curl` command. */
export function parseCurl(command: string): CurlRequest {
  const [program, ...words] = wordsOf(command);
  if (program !== 'curl') throw new Error(`This is no curl command: ${command}`);
  let method = 'GET';
  let url = '';
  let body: string | undefined;
  const headers: Record<string, string> = {};
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '-N') continue;
    if (word === '-X') method = words.shift() ?? '';
    else if (word === '-d') body = words.shift();
    else if (word === '-H') {
      const [name = '', value = ''] = (words.shift() ?? '').split(/:\s*/);
      headers[name] = value;
    } else if (word.startsWith('-')) throw new Error(`What is ${word} in ${command}?`);
    else url = `http://${word}`;
  }
  return { method, url, headers, body };
}

/** Whether `curl` can be run here. */
export async function hasCurl(): Promise<boolean> {
  return runFile('curl', ['--version']).then(
    () => true,
    () => false,
  );
}

/**
 * Runs a command of the README against a server on another port, by `curl` itself where it is at hand, else by the same
 * request. Resolves with the body, when the response has ended.
 */
export async function runCurl(command: string, port: number, withCurl: boolean): Promise<string> {
  const local = command.replace('localhost:3000', `127.0.0.1:${port}`);
  if (withCurl) {
    const [, ...words] = wordsOf(local);
    return (await runFile('curl', ['--silent', '--noproxy', '*', ...words])).stdout;
  }
  const { method, url, headers, body } = parseCurl(local);
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        resolve(text);
      });
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
