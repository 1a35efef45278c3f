import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { signal } from '@preact/signals';
import { count, plural } from './format.js';
import { labels, type Status, type Summary } from './types.js';

export function StatusMark({ status }: { status: Status }) {
  return (
    <span class={`status is-${status}`}>
      <span class="dot" aria-hidden="true" />
      {labels[status]}
    </span>
  );
}

export function Bar({ percent, label }: { percent: number; label: string }) {
  const shown = Math.max(0, Math.min(100, percent));
  return (
    <span
      class="bar"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(shown)}
    >
      <span style={{ transform: `scaleX(${shown / 100})` }} />
    </span>
  );
}

const WIDTH = 150;
const HEIGHT = 26;

/** How many tasks ended in each of the last minutes, and how. */
export function Spark({ history }: { history: Summary['history'] }) {
  const most = Math.max(1, ...history.map(([a, b, c]) => a + b + c));
  const step = WIDTH / Math.max(1, history.length);
  const sums = [0, 1, 2].map((kind) =>
    history.reduce((sum, minute) => sum + (minute[kind as 0 | 1 | 2] ?? 0), 0),
  );
  const [completed = 0, failed = 0, cancelled = 0] = sums;
  const label = `Ended in the last ${history.length} minutes: ${count(completed)} completed, ${count(failed)} failed or timed out, ${count(cancelled)} cancelled`;
  return (
    <figure class="spark" title={label}>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
        <line class="base" x1="0" x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} />
        {history.flatMap((minute, at) => {
          let top = HEIGHT - 1;
          return minute.map((value, kind) => {
            const height = (value / most) * (HEIGHT - 2);
            top -= height;
            return height > 0 ? (
              <rect
                key={`${at}-${kind}`}
                class={`kind-${kind}`}
                x={at * step + 0.5}
                width={step - 1}
                y={top}
                height={height}
              />
            ) : null;
          });
        })}
      </svg>
      <figcaption>ended, last {history.length} min</figcaption>
    </figure>
  );
}

interface EmptyProps {
  readonly title: string;
  readonly text?: string;
  /** What to do about it. */
  readonly children?: ComponentChildren;
}

/** In place of what there is nothing of. */
export function Empty({ title, text, children }: EmptyProps) {
  return (
    <div class="empty" role="status">
      <p class="title">{title}</p>
      {text !== undefined && <p>{text}</p>}
      {children !== undefined && <p class="ways">{children}</p>}
    </div>
  );
}

/** In place of what somebody may not see, or not any more. */
export function Refused({ title }: { title: string }) {
  return (
    <Empty
      title={title.replace(/\.$/, '')}
      text="Sign in again, or ask for access. Then load this page anew."
    >
      <button type="button" onClick={() => location.reload()}>
        Load anew
      </button>
    </Empty>
  );
}

interface DialogProps {
  readonly title: string;
  readonly children: ComponentChildren;
  readonly onClose: () => void;
}

/** The browser's own: it holds the focus, gives it back, and Escape closes it. */
export function Dialog({ title, children, onClose }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      aria-labelledby="dialog-title"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <h2 id="dialog-title">{title}</h2>
      {children}
    </dialog>
  );
}

/** What was done, told once. */
export const notice = signal('');
let noticeTimer: number | undefined;

export function tell(text: string): void {
  notice.value = text;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => {
    notice.value = '';
  }, 6_000);
}

export function Notice() {
  return (
    <div class="notice" role="status" data-shown={notice.value !== ''}>
      {notice.value}
    </div>
  );
}

export function tasks(value: number): string {
  return plural(value, 'task');
}
