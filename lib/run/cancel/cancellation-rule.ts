import { inRootContext } from '../../cancellation/async-context.js';
import type { CancellationRule } from '../../cancellation/is-cancellation.js';
import { isThenable } from '../../cancellation/promises.js';
import type { RunReporter } from '../run-reporter.js';

/** The module's option `isCancellation`, for one run. What it throws is logged, and recognizes nothing. */
export function cancellationRuleOf(rule: CancellationRule, report: RunReporter): CancellationRule {
  return (thrown, signal) => {
    try {
      const answer: unknown = inRootContext(rule, thrown, signal);
      if (answer === true) return true;
      if (!isThenable(answer)) return false;
      void answer.then(undefined, () => {});
      report.warn('The option isCancellation gave a promise; it has to answer true or false at once');
    } catch (failure) {
      report.error('The option isCancellation', failure);
    }
    return false;
  };
}
