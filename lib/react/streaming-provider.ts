import {
  createContext,
  createElement,
  type FunctionComponent,
  type ReactNode,
  useContext,
  useState,
} from 'react';
import { areOfOneClient } from '../client/for-views.js';
import type {
  AnyTasks,
  StreamingClient,
  TaskClient,
  TaskShape,
  TaskShapes,
  TaskTypeRef,
} from '../client/index.js';

/** Of any server: what hooks ask of a client does not depend on its task types. */
export interface AnyClient extends Pick<StreamingClient, 'list' | 'watch'> {
  readonly task: unknown;
}

const ClientContext = createContext<AnyClient | undefined>(undefined);

/**
 * For {@link StreamingProvider}.
 *
 * @publicApi
 */
export interface StreamingProviderProps {
  /** Made once, outside of the components. */
  readonly client: AnyClient;
  readonly children?: ReactNode;
}

/**
 * Gives the hooks below it their client, where it is not their first argument.
 *
 * @example
 * const client = createStreamingClient({ baseUrl: '/stream' });
 * root.render(<StreamingProvider client={client}><App /></StreamingProvider>);
 * @publicApi
 */
export const StreamingProvider: FunctionComponent<StreamingProviderProps> = ({ client, children }) =>
  createElement(ClientContext.Provider, { value: client }, children);

/**
 * The client of the {@link StreamingProvider} above.
 *
 * @throws Error where there is none
 * @publicApi
 */
export function useStreamingClient<T extends TaskShapes = AnyTasks>(): StreamingClient<T> {
  return found<T>(useContext(ClientContext));
}

/** A client that the hook was given, else that of the provider. */
export function useGivenClient(given: AnyClient | undefined): StreamingClient {
  const client = useContext(ClientContext);
  return found(given ?? client);
}

/** What starts and finds tasks of a type: the same object, though each render makes another. */
export function useTaskClient<S extends TaskShape>(task: TaskClient<S> | TaskTypeRef): TaskClient<S> {
  const client = useContext(ClientContext);
  const given = 'attach' in task ? task : (found(client).task(task) as unknown as TaskClient<S>);
  const [held, setHeld] = useState(given);
  if (areOfOneClient(held, given)) return held;
  setHeld(given);
  return given;
}

function found<T extends TaskShapes = AnyTasks>(client: AnyClient | undefined): StreamingClient<T> {
  if (client) return client as unknown as StreamingClient<T>;
  throw new Error('No client: put a <StreamingProvider client={…}> around it, or give the hook a client');
}
