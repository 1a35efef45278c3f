import { compile } from 'json-schema-to-typescript-lite';
import { Definitions } from './definitions.js';
import type { JsonSchema, ListedType } from './listed-types.js';

/** Stands for a schema that the server does not give. */
const ANY: JsonSchema = {};
const ANY_EVENTS: JsonSchema = { type: 'object', additionalProperties: true };

/**
 * The type `Tasks` for `createStreamingClient<Tasks>()`, as TypeScript.
 *
 * @param onUnknown told of each task type whose schemas cannot be declared: they are `unknown`
 */
export async function declareTasks(
  types: readonly ListedType[],
  onUnknown: (type: ListedType) => void = () => {},
): Promise<string> {
  const known: ListedType[] = [];
  for (const type of types) {
    try {
      await declare([type]);
      known.push(type);
    } catch {
      onUnknown(type);
      known.push({ ...type, input: null, result: null, events: null, state: null });
    }
  }
  return declare(known);
}

function declare(types: readonly ListedType[]): Promise<string> {
  const definitions = new Definitions();
  const apps = new Map<string, [name: string, JsonSchema][]>();
  for (const { app, name, input, result, events, state } of types) {
    const place = (schema: JsonSchema | null, of: string): JsonSchema | undefined =>
      schema ? definitions.add(`${app} ${name} ${of}`, schema) : undefined;
    const shape = exactly([
      ['input', place(input, 'input') ?? ANY],
      ['result', place(result, 'result') ?? ANY],
      ['events', place(events, 'events') ?? ANY_EVENTS],
      ['state', place(state, 'state') ?? ANY],
    ]);
    const names = apps.get(app);
    if (names) names.push([name, shape]);
    else apps.set(app, [[name, shape]]);
  }
  const schema = {
    ...exactly([...apps].map(([app, names]) => [app, exactly(names)])),
    definitions: definitions.all,
  };
  return compile(schema as Parameters<typeof compile>[0], 'Tasks', {
    // What a schema does not name is a slip of the pen more often than it is meant.
    additionalProperties: false,
    $refOptions: { resolve: { external: false } },
  });
}

/** An object that has all of these, and nothing else. */
function exactly(properties: readonly (readonly [name: string, JsonSchema])[]): JsonSchema {
  return {
    type: 'object',
    properties: Object.fromEntries(properties),
    required: properties.map(([name]) => name),
    additionalProperties: false,
  };
}
