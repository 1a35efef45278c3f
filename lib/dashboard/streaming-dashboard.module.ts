import { type DynamicModule, Logger, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { InvalidOptionsError } from '../task/errors.js';
import { DashboardAccess } from './access/dashboard-access.js';
import { createDashboardController } from './dashboard-controller.factory.js';
import { DashboardActions } from './dashboard-actions.js';
import { DashboardEngine } from './dashboard-engine.js';
import { CancelTimes } from './live/cancel-times.js';
import { DashboardStreams } from './live/dashboard-streams.js';
import { TaskTable } from './live/task-table.js';
import {
  DASHBOARD_OPTIONS,
  isOpenToAll,
  resolveDashboardOptions,
  type ResolvedDashboardOptions,
  routeChecks,
  type StreamingDashboardOptions,
  where,
} from './streaming-dashboard.options.js';

/**
 * A page that shows the tasks of the application, live, and acts on them: cancels, starts, signals. It needs `StreamingModule`, and
 * works with `http: false` too.
 *
 * @example
 * @Module({
 *   imports: [
 *     StreamingModule.forRoot(),
 *     StreamingDashboardModule.forRoot({ path: 'streaming', guards: [AdminGuard] }),
 *   ],
 * })
 * export class AppModule {}
 * @publicApi
 */
@Module({})
export class StreamingDashboardModule {
  /**
   * @param options all have defaults. In production (`NODE_ENV=production`) one of `guards` and `access` is needed
   * @throws InvalidOptionsError, when the application starts, for an option that is unknown or wrong
   */
  static forRoot(options: StreamingDashboardOptions = {}): DynamicModule {
    const routes = right(options);
    return {
      module: StreamingDashboardModule,
      imports: [DiscoveryModule, ...(routes.imports ?? [])],
      controllers: [createDashboardController(routes)],
      providers: [
        { provide: DASHBOARD_OPTIONS, useFactory: () => resolve(options) },
        CancelTimes,
        DashboardAccess,
        DashboardActions,
        DashboardEngine,
        DashboardStreams,
        TaskTable,
      ],
    };
  }
}

/** Routes are made before the options are checked: what is wrong with them is named then. */
function right(options: StreamingDashboardOptions): StreamingDashboardOptions {
  const given: Readonly<Record<string, unknown>> = { ...options };
  return Object.fromEntries(
    Object.entries(routeChecks).flatMap(([name, check]) =>
      given[name] !== undefined && check(given[name]) === undefined ? [[name, given[name]]] : [],
    ),
  );
}

function resolve(options: StreamingDashboardOptions): ResolvedDashboardOptions {
  const resolved = resolveDashboardOptions(options);
  if (!isOpenToAll(resolved)) return resolved;
  if (process.env['NODE_ENV'] === 'production') {
    throw new InvalidOptionsError(
      `${where} needs "guards" or "access" in production: without them anybody may see and cancel all tasks. If a global guard protects the page, say so with access: () => true`,
    );
  }
  new Logger('StreamingDashboard').warn(
    `The dashboard has no "guards" and no "access": anybody may see and cancel all tasks. With NODE_ENV=production the application would not start`,
  );
  return resolved;
}
