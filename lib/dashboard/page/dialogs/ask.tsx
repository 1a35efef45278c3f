import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { signal } from '@preact/signals';
import { ApiError } from '../api.js';
import { Dialog } from '../parts.js';

/** The one that is open. */
const opened = signal<VNode | undefined>(undefined);

export function openDialog(make: (close: () => void) => VNode): void {
  opened.value = make(() => {
    opened.value = undefined;
  });
}

export function OpenedDialog() {
  return opened.value ?? null;
}

interface AskProps {
  readonly title: string;
  readonly action: string;
  readonly isGrave?: boolean;
  readonly children: VNode | (VNode | false)[];
  readonly onClose: () => void;
  /** What it throws is shown, and the dialog stays. */
  readonly run: () => Promise<void>;
}

/** A question with one answer. */
export function Ask({ title, action, isGrave = false, children, onClose, run }: AskProps) {
  const [error, setError] = useState<ApiError | undefined>();
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await run();
      onClose();
    } catch (failure) {
      setError(failure instanceof ApiError ? failure : new ApiError(0, String(failure)));
    }
    setBusy(false);
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form method="dialog" onSubmit={(event) => void submit(event)}>
        {children}
        <Fault error={error} />
        <p class="buttons">
          <button type="button" onClick={onClose}>
            Close
          </button>
          <button type="submit" class={isGrave ? 'main grave' : 'main'} disabled={isBusy}>
            {action}
          </button>
        </p>
      </form>
    </Dialog>
  );
}

export function Fault({ error }: { error: ApiError | undefined }) {
  return (
    <div role="alert" class="fault">
      {error && <p>{error.message}</p>}
      {error && error.issues.length > 0 && (
        <ul>
          {error.issues.map(({ message, path }) => (
            <li key={path.join('.') + message}>
              <code>{path.join('.') || 'input'}</code> {message}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

export function Detail({ value, onInput }: { value: string; onInput: (value: string) => void }) {
  return (
    <label class="field">
      Why <span class="dim">(watchers see it)</span>
      <textarea
        rows={2}
        maxLength={500}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </label>
  );
}
