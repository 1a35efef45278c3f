export { LogUnavailableError, StoreUnavailableError } from '../task/errors.js';
