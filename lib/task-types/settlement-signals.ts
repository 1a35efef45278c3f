import type { InstanceWrapper } from './find-task-types.js';

/** What Nest keeps on a provider of its newest resolution. It is not declared. */
interface SettlementHost {
  settlementSignal?: { readonly completed?: boolean } | undefined;
}

/**
 * Lets go of what Nest keeps of resolutions that are done. It holds a promise, and with it, before Node 24, the async
 * context of a task that has ended.
 */
export function releaseSettlements(providers: Iterable<InstanceWrapper>): void {
  for (const provider of providers) {
    const host = provider as unknown as SettlementHost;
    if (host.settlementSignal?.completed) host.settlementSignal = undefined;
  }
}
