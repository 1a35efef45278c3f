import { writeFile } from 'node:fs/promises';
import { StreamingRequestError } from '../../client/index.js';
import { messageOf, ServerAnswerError, UsageError } from '../errors.js';
import type { View } from '../output/view.js';
import type { Server } from '../server.js';
import { type ListedType, listedTypes } from './listed-types.js';

/**
 * Writes the type `Tasks` of what a server lists.
 *
 * @param version of this package
 * @param out a file; `undefined` for the standard output
 * @throws UsageError for a file that cannot be written
 */
export async function writeTypes(
  server: Server,
  view: View,
  version: string,
  out: string | undefined,
): Promise<void> {
  const types = await typesOf(server);
  // Only this command needs the compiler.
  const { declareTasks } = await import('./declare-tasks.js');
  const declared = await declareTasks(types, ({ app, name }) =>
    view.problem(`The schemas of ${app}/${name} cannot be declared: they are "unknown"`),
  );
  const text = `// Written by nestjs-streaming ${version}: npx nestjs-streaming types\n\n${escaped(declared).trimStart()}`;
  if (out === undefined) {
    view.code(text);
    return;
  }
  try {
    await writeFile(out, text);
  } catch (error) {
    throw new UsageError(`--out ${out} cannot be written: ${messageOf(error)}`);
  }
  view.written(out, types.length);
}

async function typesOf(server: Server): Promise<ListedType[]> {
  try {
    return listedTypes(await server.get('/types'));
  } catch (error) {
    if (!(error instanceof StreamingRequestError) || error.status !== 404) throw error;
    throw new ServerAnswerError(
      'The server does not list its task types: set "http.types" to true in StreamingModule.forRoot(), and see that --url ends with the path of its routes',
      { cause: error },
    );
  }
}

/** Texts of the server are in it: what would move a cursor or turn text round is escaped. */
function escaped(text: string): string {
  return text.replace(/(?!\n)[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16);
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
  });
}
