import { afterEach, describe, expect, it } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import { StreamingDashboardModule, type StreamingDashboardOptions } from 'nestjs-streaming/dashboard';
import { createDashboardApp } from './support.js';

const before = process.env['NODE_ENV'];
afterEach(() => {
  if (before === undefined) delete process.env['NODE_ENV'];
  else process.env['NODE_ENV'] = before;
});

const start = (dashboard?: StreamingDashboardOptions) =>
  createDashboardApp({ ...(dashboard && { dashboard }), listen: false });

describe('StreamingDashboardModule.forRoot()', () => {
  it('does not start in production without guards or access', async () => {
    process.env['NODE_ENV'] = 'production';
    await expect(start()).rejects.toThrow('needs "guards" or "access" in production');
    await expect(start({ guards: [] })).rejects.toThrow('needs "guards" or "access" in production');
    await start({ access: () => true });
    await start({ guards: [{ canActivate: () => true }] });
  });

  it('warns once elsewhere', async () => {
    const { logs } = await start();
    expect(logs.warnings.filter((text) => text.includes('dashboard'))).toHaveLength(1);
    const guarded = await start({ access: () => true });
    expect(guarded.logs.warnings).toEqual([]);
  });

  it.each<[object, string]>([
    [{ pth: 'x' }, 'did you mean "path"'],
    [{ path: 1 }, 'Wrong option "path" in StreamingDashboardModule.forRoot(): expected a path, got 1'],
    [{ path: 'a', route: 'b' }, 'it is the same as "path"'],
    [{ version: 1 }, 'Wrong option "version"'],
    [{ guards: 'x' }, 'Wrong option "guards"'],
    [{ access: true }, 'Wrong option "access"'],
    [{ redact: {} }, 'Wrong option "redact"'],
    [{ by: 'me' }, 'Wrong option "by"'],
  ])('refuses %j', async (options, message) => {
    await expect(start(options)).rejects.toThrow(message);
  });

  it('says that StreamingModule is missing', async () => {
    const module = StreamingDashboardModule.forRoot({ access: () => true });
    const starting = NestFactory.create(module, { logger: false, abortOnError: false }).then((app) =>
      app.init(),
    );
    await expect(starting).rejects.toThrow('StreamingDashboardModule needs StreamingModule');
  });
});
