import { useState } from 'preact/hooks';
import { post } from '../api.js';
import { tell } from '../parts.js';
import type { Ref } from '../route.js';
import { Ask, Detail } from './ask.js';

export function CancelDialog({ task, onClose }: { task: Ref; onClose: () => void }) {
  const [detail, setDetail] = useState('');
  const run = async (): Promise<void> => {
    await post(`tasks/${task.app}/${task.name}/${task.id}/cancel`, { detail });
    tell(`${task.name} is being cancelled.`);
  };
  return (
    <Ask title={`Cancel ${task.name}?`} action="Cancel the task" isGrave onClose={onClose} run={run}>
      <p>
        <code>{task.id}</code> is told to stop. It may clean up before it ends.
      </p>
      <Detail value={detail} onInput={setDetail} />
    </Ask>
  );
}
