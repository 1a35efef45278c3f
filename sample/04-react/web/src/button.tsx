import type { ReactNode } from 'react';

interface ButtonProps {
  readonly children: ReactNode;
  readonly label?: string;
  readonly type?: 'button' | 'submit';
  readonly isOff?: boolean;
  readonly onPress?: () => unknown;
}

/** A button that keeps the focus while it is off. One that is `disabled` loses it, and who uses the keyboard begins anew. */
export function Button({ children, label, type = 'button', isOff = false, onPress }: ButtonProps) {
  return (
    <button
      type={type}
      aria-label={label}
      aria-disabled={isOff}
      onClick={(event) => {
        // It submits nothing either.
        if (isOff) event.preventDefault();
        else onPress?.();
      }}
    >
      {children}
    </button>
  );
}
