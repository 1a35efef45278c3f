import { type ChangeEvent, useState } from 'react';
import type { RunOutcome } from 'nestjs-streaming/client';
import { useStartTask, useTask } from 'nestjs-streaming/react';
import { imports } from './streaming.js';
import { useId } from './use-id.js';

/** A file that is sent to the server, and then imported there. */
export function Import() {
  const [id, setId] = useId('import');
  const [upload, setUpload] = useState<{ readonly name: string; readonly error?: string }>();
  const start = useStartTask(imports);
  const task = useTask(imports, id, { throttle: 100, keepEvents: 20 });

  const choose = async ({ target }: ChangeEvent<HTMLInputElement>): Promise<void> => {
    const file = target.files?.[0];
    if (!file) return;
    // The same file may be chosen once more.
    target.value = '';
    setUpload({ name: file.name });
    try {
      const run = await start.run({ file: await send(file), name: file.name });
      setId(run.id);
      setUpload(undefined);
    } catch (error) {
      setUpload({ name: file.name, error: error instanceof Error ? error.message : String(error) });
    }
  };

  const refused = task.events.filter((event) => event.type === 'refused');
  return (
    <section aria-labelledby="import">
      <h2 id="import">Import</h2>
      <label>
        <span>
          A file with lines as <code>apples,12</code>
        </span>
        <input type="file" accept=".csv,text/csv" onChange={(event) => void choose(event)} />
      </label>
      {upload && !upload.error && <p role="status">Sending {upload.name} …</p>}
      {upload?.error && <p role="alert">{`${upload.name}: ${upload.error}`}</p>}
      {id !== null && !upload && (
        <>
          <div className="row">
            <progress
              aria-label="Import"
              max={100}
              value={task.outcome ? 100 : (task.progress?.percent ?? 0)}
            />
            <button
              type="button"
              disabled={task.outcome !== undefined || task.cancellation !== undefined}
              onClick={() => void task.cancel()}
            >
              Cancel
            </button>
          </div>
          <p className="state" role="status">
            {task.outcome ? endOf(task.outcome) : (task.progress?.message ?? 'waiting …')}
          </p>
          <ul>
            {refused.map(({ id: event, data }) => (
              <li key={event}>{`Line ${data.line} was refused: ${data.reason}`}</li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

async function send(file: File): Promise<string> {
  const answer = await fetch('/uploads', {
    method: 'POST',
    headers: { 'content-type': 'text/csv' },
    body: file,
  });
  const body = (await answer.json()) as { readonly file: string; readonly message?: string };
  if (!answer.ok) throw new Error(body.message ?? `The server answered ${answer.status}`);
  return body.file;
}

function endOf(outcome: RunOutcome<{ imported: number; refused: number }>): string {
  return outcome.status === 'completed'
    ? `${outcome.value.imported} imported, ${outcome.value.refused} refused.`
    : `It ended: ${outcome.status}.`;
}
