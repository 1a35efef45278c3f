/**
 * `nestjs-streaming/rxjs`: Observables that end with the scope they are used in.
 *
 * @packageDocumentation
 */
export { abortable } from './abortable.js';
