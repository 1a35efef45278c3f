import { useState } from 'react';
import { createStreamingClient, type RunEvent } from 'nestjs-streaming/client';
import { StreamingProvider, useStartTask, useTask, useTasks } from 'nestjs-streaming/react';

interface Tasks {
  app: { CountTask: { input: { to: number }; result: { counted: number }; events: { step: { n: number } } } };
}

const client = createStreamingClient<Tasks>({ baseUrl: '/stream' });
const count = client.task('app', 'CountTask');

/** What the compiler must refuse: a type that is lost would allow it. */
export async function refused(): Promise<string> {
  // @ts-expect-error there is no such task
  client.task('app', 'CuntTask');
  // @ts-expect-error the input is a number
  const run = await count.start({ to: 'ten' });
  const { counted } = await run.result();
  // @ts-expect-error the result is a number
  return counted;
}

/** Without the hooks. */
export async function countTo(to: number): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of await count.start({ to })) {
    if (event.type === 'step') document.title = event.data.n.toFixed();
    events.push(event);
  }
  return events;
}

function Count() {
  const [id, setId] = useState<string | null>(null);
  const start = useStartTask(count);
  const task = useTask(count, id, {
    initial: 0,
    reduce: (n: number, event) => (event.type === 'step' ? event.data.n : n),
  });
  const running = useTasks({ status: 'running' });
  const counted: number | undefined =
    task.outcome?.status === 'completed' ? task.outcome.value.counted : undefined;
  return (
    <main>
      <button onClick={() => void start.run({ to: 10 }).then((run) => setId(run.id))}>Count</button>
      <button onClick={() => void task.cancel('enough')}>Cancel</button>
      <p>
        {task.connection} {task.state} {counted} {task.cancellation?.phase} {running.items.length}
      </p>
      {start.error && <p role="alert">{start.error.message}</p>}
      <button onClick={() => void countTo(3)}>Count to three</button>
    </main>
  );
}

export default function App() {
  return (
    <StreamingProvider client={client}>
      <Count />
    </StreamingProvider>
  );
}
