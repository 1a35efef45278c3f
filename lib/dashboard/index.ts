/** A page that shows the tasks of an application, live, and acts on them. */
export { StreamingDashboardModule } from './streaming-dashboard.module.js';
export type { WatchedBy } from './live/watched-by.js';
export type {
  DashboardAction,
  DashboardDecision,
  DashboardSnapshot,
  StreamingDashboardOptions,
} from './streaming-dashboard.options.js';
