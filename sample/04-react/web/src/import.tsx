import { type ChangeEvent, useState } from 'react';
import type { RunOutcome } from 'nestjs-streaming/client';
import { useStartTask, useTask } from 'nestjs-streaming/react';
import { Button } from './button.js';
import { imports } from './streaming.js';
import { useId } from './use-id.js';

/** How many refused lines are shown. */
const SHOWN = 20;

/** A file that is sent to the server, and then imported there. */
export function Import() {
  const [id, setId] = useId('import');
  const [upload, setUpload] = useState<{ readonly name: string; readonly error?: string }>();
  const start = useStartTask(imports);
  const task = useTask(imports, id, {
    throttle: 100,
    initial: [] as readonly string[],
    // Progress comes with each line: of the newest events alone these would soon be gone.
    reduce: (refused, event) =>
      event.type === 'refused'
        ? [...refused, `Line ${event.data.line} was refused: ${event.data.reason}`].slice(-SHOWN)
        : refused,
  });
  const isSending = upload !== undefined && upload.error === undefined;

  const choose = async ({ target }: ChangeEvent<HTMLInputElement>): Promise<void> => {
    const file = target.files?.[0];
    if (!file) return;
    // The same file may be chosen once more.
    target.value = '';
    setUpload({ name: file.name });
    try {
      const run = await start.run({ name: file.name }, { id: await send(file) });
      setId(run.id);
      setUpload(undefined);
    } catch (error) {
      setUpload({ name: file.name, error: error instanceof Error ? error.message : String(error) });
    }
  };

  return (
    <section aria-labelledby="import">
      <h2 id="import">Import</h2>
      <label>
        <span>
          A file with lines as <code>apples,12</code>
        </span>
        <input
          type="file"
          accept=".csv,text/csv"
          disabled={isSending}
          onChange={(event) => void choose(event)}
        />
      </label>
      <p role="alert">
        {upload?.error === undefined ? task.error?.message : `${upload.name}: ${upload.error}`}
      </p>
      <p className="state" role="status">
        {isSending && `Sending ${upload.name} …`}
        {!isSending && task.outcome && endOf(task.outcome)}
      </p>
      {id !== null && !upload && (
        <>
          <div className="row">
            <progress
              aria-label="Import"
              max={100}
              value={task.outcome?.status === 'completed' ? 100 : (task.progress?.percent ?? 0)}
            />
            <Button
              isOff={task.outcome !== undefined || task.cancellation !== undefined}
              onPress={() => task.cancel()}
            >
              Cancel
            </Button>
          </div>
          {!task.outcome && <p className="state">{task.progress?.message ?? 'waiting …'}</p>}
          <ul>
            {task.state?.map((line) => (
              <li key={line}>{line}</li>
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
  // A proxy in front of a server that is away answers something else.
  const body = (await answer.json().catch(() => ({}))) as {
    readonly file?: string;
    readonly message?: string;
  };
  if (!answer.ok || body.file === undefined)
    throw new Error(body.message ?? `The server answered ${answer.status}`);
  return body.file;
}

function endOf(outcome: RunOutcome<{ imported: number; refused: number }>): string {
  return outcome.status === 'completed'
    ? `${outcome.value.imported} imported, ${outcome.value.refused} refused.`
    : `It ended: ${outcome.status}.`;
}
