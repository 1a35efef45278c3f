/**
 * The package as it is built, found by its name as a user would find it.
 *
 * Resolved from the folder above: a copy installed beside the benchmarks would bring a second Nest and a second RxJS.
 */
import 'reflect-metadata';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const root = createRequire(new URL('../../package.json', import.meta.url));

/** @type {typeof import('nestjs-streaming')} */
const streaming = await import(pathToFileURL(root.resolve('nestjs-streaming')).href);

export const { CoordinatorService, StreamingModule, StreamTask } = streaming;
