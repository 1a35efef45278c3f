import { useState } from 'preact/hooks';
import { post } from '../api.js';
import { parseJson } from '../form/parse-json.js';
import { tell } from '../parts.js';
import type { Ref } from '../route.js';
import { Ask } from './ask.js';

export function SignalDialog({ task, onClose }: { task: Ref; onClose: () => void }) {
  const [name, setName] = useState('');
  const [data, setData] = useState('');
  const run = async (): Promise<void> => {
    await post(`tasks/${task.app}/${task.name}/${task.id}/signal`, {
      name,
      data: parseJson('The data', data),
    });
    tell(`The signal ${name} was sent.`);
  };
  return (
    <Ask title={`Send a signal to ${task.name}`} action="Send" onClose={onClose} run={run}>
      <label class="field">
        Name
        <input required value={name} onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      <label class="field">
        Data <span class="dim">(JSON, may be empty)</span>
        <textarea
          class="code"
          rows={4}
          value={data}
          onInput={(event) => setData(event.currentTarget.value)}
        />
      </label>
    </Ask>
  );
}
