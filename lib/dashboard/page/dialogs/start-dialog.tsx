import { useRef, useState } from 'preact/hooks';
import { about } from '../about.js';
import { post } from '../api.js';
import { InputForm, type InputReader } from '../form/input-form.js';
import { tell } from '../parts.js';
import { goTo, type Ref, taskHref } from '../route.js';
import { Ask } from './ask.js';

export interface StartDialogProps {
  /** Set to start it anew. */
  readonly task?: Ref;
  readonly onClose: () => void;
}

export function StartDialog({ task, onClose }: StartDialogProps) {
  const types = (about.value?.types ?? []).filter(({ mayStart }) => mayStart);
  const [chosen, setChosen] = useState(task ? `${task.app}/${task.name}` : '');
  const [id, setId] = useState(task?.id ?? '');
  const read = useRef<InputReader>(undefined);
  const type = types.find(({ app, name }) => `${app}/${name}` === chosen) ?? types[0];
  const run = async (): Promise<void> => {
    if (!type || !read.current) return;
    const input = read.current();
    const body = { ...(input !== undefined && { input }), id, restart: task !== undefined };
    const answer = await post(`types/${type.app}/${type.name}`, body);
    const started = (await answer.json()) as Ref & { created: boolean };
    tell(started.created ? `${started.name} was started.` : 'A task with this id runs already.');
    goTo(taskHref(started));
  };
  return (
    <Ask
      title={task ? `Start ${task.name} again` : 'Start a task'}
      action="Start"
      onClose={onClose}
      run={run}
    >
      {!task && (
        <label class="field">
          Type
          <select
            value={type && `${type.app}/${type.name}`}
            onChange={(event) => setChosen(event.currentTarget.value)}
          >
            {types.map(({ app, name }) => (
              <option key={`${app}/${name}`} value={`${app}/${name}`}>
                {app}/{name}
              </option>
            ))}
          </select>
        </label>
      )}
      <InputForm key={chosen} schema={type?.schema} reader={read} />
      <label class="field">
        Id <span class="dim">(a random one if empty)</span>
        <input
          class="code"
          value={id}
          pattern="[A-Za-z0-9._~\-]{1,100}"
          onInput={(event) => setId(event.currentTarget.value)}
        />
      </label>
    </Ask>
  );
}
