import { useTasks } from 'nestjs-streaming/react';
import { Button } from './button.js';
import { streaming } from './streaming.js';

/** What goes on on the server, whoever has started it. */
export function TaskTable() {
  const { items, error, nextCursor, loadMore } = useTasks(
    streaming,
    { limit: 20 },
    { refresh: 1_000, throttle: 200 },
  );
  return (
    <section aria-labelledby="tasks" className="wide">
      <h2 id="tasks">All tasks</h2>
      {error && <p role="alert">{error.message}</p>}
      <table>
        <thead>
          <tr>
            <th scope="col">Task</th>
            <th scope="col">Status</th>
            <th scope="col">Progress</th>
            <th scope="col">Created</th>
            <td />
          </tr>
        </thead>
        <tbody>
          {items.map(({ app, name, id, status, outcome, progress, createdAt, cancellation, cancel }) => (
            <tr key={`${app}/${name}/${id}`}>
              <td>
                {name} <code>{id.slice(0, 8)}</code>
              </td>
              <td>{outcome?.status ?? cancellation?.phase ?? status}</td>
              <td>{progress?.message}</td>
              <td>{new Date(createdAt).toLocaleTimeString()}</td>
              <td>
                <Button
                  label={`Cancel ${name} ${id}`}
                  isOff={outcome !== undefined || cancellation !== undefined}
                  onPress={cancel}
                >
                  Cancel
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {items.length === 0 && <p className="state">Nothing was started yet.</p>}
      {nextCursor !== null && <Button onPress={loadMore}>More</Button>}
    </section>
  );
}
