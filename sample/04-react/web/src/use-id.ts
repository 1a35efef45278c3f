import { useCallback, useState } from 'react';

/** The id of a task, in the address of the page: a reload finds it again, and so does whoever is sent the address. */
export function useId(name: string): [id: string | null, set: (id: string) => void] {
  const [id, setId] = useState(() => {
    const given = new URLSearchParams(location.search).get(name);
    return given === '' ? null : given;
  });
  const set = useCallback(
    (next: string) => {
      const url = new URL(location.href);
      url.searchParams.set(name, next);
      history.replaceState(null, '', url);
      setId(next);
    },
    [name],
  );
  return [id, set];
}
