/**
 * `nestjs-streaming/postgres`: queries that end on the server with the scope they are made in. Needs the package `pg`.
 *
 * @packageDocumentation
 */
export { runQuery, type RunQueryOptions } from './run-query.js';
