import { ServerAnswerError } from '../errors.js';

/** A JSON Schema as it came. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** A task type as a server tells of it: `null` where it does not know. */
export interface ListedType {
  readonly app: string;
  readonly name: string;
  readonly input: JsonSchema | null;
  readonly result: JsonSchema | null;
  readonly events: JsonSchema | null;
  readonly state: JsonSchema | null;
}

/** @throws ServerAnswerError for an answer of something else */
export function listedTypes(answer: unknown): ListedType[] {
  const { tasks } = (answer ?? {}) as { readonly tasks?: unknown };
  if (!Array.isArray(tasks))
    throw new ServerAnswerError('The server answered something that is no list of task types');
  return tasks.map((task: unknown) => {
    const { app, name, ...schemas } = (task ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof app !== 'string' || typeof name !== 'string')
      throw new ServerAnswerError('The server answered a task type without "app" or "name"');
    const schemaOf = (of: string): JsonSchema | null => {
      const schema = schemas[of];
      return typeof schema === 'object' && schema !== null && !Array.isArray(schema)
        ? (schema as JsonSchema)
        : null;
    };
    return {
      app,
      name,
      input: schemaOf('input'),
      result: schemaOf('result'),
      events: schemaOf('events'),
      state: schemaOf('state'),
    };
  });
}
