import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandsOf } from './support/curl.js';
import { documents, page, ROOT } from './support/documents.js';

describe('the shell commands of the documentation', () => {
  test('the two commands are scripts of the package', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const commands = page('README')
      .blocks.filter(({ language }) => language === 'sh')
      .flatMap(({ text }) => commandsOf(text))
      .filter((command) => command.startsWith('npm ci'));
    expect(commands.map((command) => command.replace(/ +#.*/, ''))).toEqual([
      'npm ci && npm start',
      'npm ci && npm test',
    ]);
    for (const script of ['start', 'test', 'start:cluster']) expect(scripts).toHaveProperty([script]);
  });

  test.each(documents)('every one in $path is known to a test', ({ blocks }) => {
    const known =
      /^(npm ci && npm (start|test|run start:cluster)\b|npm run start:cluster -- --demo$|npm install (nestjs-streaming|bullmq ioredis)\b|npx nestjs-streaming |curl )/;
    const shell = blocks.filter(({ language }) => language === 'sh').flatMap(({ text }) => commandsOf(text));
    expect(shell.filter((command) => !known.test(command))).toEqual([]);
  });
});
