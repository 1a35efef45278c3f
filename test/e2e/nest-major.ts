import { createRequire } from 'node:module';
import { join } from 'node:path';

const { version } = createRequire(join(process.cwd(), 'package.json'))('@nestjs/core/package.json') as {
  readonly version: string;
};

/** For the few tests whose right answer differs: 11 or 12. */
export const nestMajor = Number(version.split('.')[0]);
