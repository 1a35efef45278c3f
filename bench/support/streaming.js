/**
 * The package as it is built, found by its name as a user would find it.
 *
 * Resolved from the folder above: a copy installed beside the benchmarks would bring a second Nest and a second RxJS. In the
 * process of another build `BENCH_PACKAGE` is the folder of that one.
 */
import 'reflect-metadata';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const folder = process.env['BENCH_PACKAGE'] ?? fileURLToPath(new URL('../..', import.meta.url));
const { resolve } = createRequire(join(folder, 'package.json'));

/** @type {typeof import('nestjs-streaming')} */
const streaming = await import(pathToFileURL(resolve('nestjs-streaming')).href);

export const { CoordinatorService, StreamingModule, StreamTask } = streaming;

/**
 * Loaded only where it is needed: it brings BullMQ.
 *
 * @returns {Promise<typeof import('nestjs-streaming/bullmq')>}
 */
export const loadBullmq = () => import(pathToFileURL(resolve('nestjs-streaming/bullmq')).href);
