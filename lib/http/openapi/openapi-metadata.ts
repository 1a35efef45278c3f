import type { Type } from '@nestjs/common';

/** A Schema Object of OpenAPI, in the form that versions 3.0 and 3.1 share (`nullable` is rewritten for 3.1). */
export type Schema = { readonly [keyword: string]: unknown };

/** A schema that the document keeps under `components.schemas`, or a class that `@nestjs/swagger` makes one of. */
export type Component = { readonly name: string; readonly schema: Schema } | Type;

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly description: string;
  readonly schema: Schema;
}

export interface MediaType {
  readonly schema: Schema;
  /** Whether the stream is of one task or of many. `describeStreams` looks for it. */
  readonly 'x-task-stream'?: 'one' | 'many';
}

export interface Response {
  readonly description: string;
  readonly headers?: Readonly<Record<string, { readonly description: string; readonly schema: Schema }>>;
  readonly content?: Readonly<Record<string, MediaType>>;
}

export interface Body {
  readonly description: string;
  /** Asked whenever a document is made. */
  readonly schema: () => Schema;
}

export interface RouteDescription {
  readonly summary: string;
  readonly description: string;
  readonly parameters: readonly Parameter[];
  readonly body?: Body;
  readonly responses: Readonly<Record<number, Response>>;
  /** What the schemas refer to. Asked whenever a document is made. */
  readonly components?: () => readonly Component[];
}

/**
 * Where `@nestjs/swagger` (11 and 12) looks for what its decorators say. Their metadata is written directly: so it is an
 * optional peer that need not be found, in any layout of `node_modules` and in any bundle, and nothing of it is loaded.
 */
const METADATA = {
  operation: 'swagger/apiOperation',
  parameters: 'swagger/apiParameters',
  responses: 'swagger/apiResponse',
  components: 'swagger/apiExtraModels',
  schema: 'swagger/apiSchema',
  properties: 'swagger/apiModelPropertiesArray',
};

export function DescribeRoute(route: RouteDescription): MethodDecorator {
  return (_target, _name, descriptor: PropertyDescriptor) => {
    const method = descriptor.value as object;
    const { summary, description, parameters, body, responses, components } = route;
    Reflect.defineMetadata(METADATA.operation, { summary, description }, method);
    Reflect.defineMetadata(
      METADATA.parameters,
      [...parameters, ...(body ? [bodyParameter(body)] : [])],
      method,
    );
    Reflect.defineMetadata(METADATA.responses, responses, method);
    if (components) Reflect.defineMetadata(METADATA.components, new Components(components), method);
  };
}

export function refTo(component: string): Schema {
  return { $ref: `#/components/schemas/${component}` };
}

/** An object that has all of these properties but for the optional ones. */
export function objectOf(properties: Schema, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', ...(required.length > 0 && { required }), properties };
}

/** The name that `@nestjs/swagger` gives to the schema of a class. */
export function componentNameOf(type: Type): string {
  const given = Reflect.getOwnMetadata(METADATA.schema, type) as readonly { name?: string }[] | undefined;
  return given?.at(-1)?.name ?? type.name;
}

/** Whether a class has properties with `@ApiProperty()`. */
export function hasApiProperties(type: Type): boolean {
  return Reflect.hasMetadata(METADATA.properties, type.prototype as object);
}

function bodyParameter(body: Body): object {
  return {
    in: 'body',
    // What @ApiBody() says where there is a schema; without, one is looked for.
    type: String,
    required: false,
    description: body.description,
    get schema() {
      return body.schema();
    },
  };
}

/** The list that `@ApiExtraModels()` would leave, made anew for each document: its own schemas may be changed by it. */
class Components {
  constructor(private readonly list: () => readonly Component[]) {}

  forEach(explore: (type: Type) => void): void {
    for (const type of this) explore(type);
  }

  *[Symbol.iterator](): Generator<Type> {
    for (const component of this.list()) {
      yield typeof component === 'function' ? component : classOf(component.name, component.schema);
    }
  }
}

function classOf(name: string, schema: Schema): Type {
  const described = function () {} as unknown as Type;
  // Otherwise it would be an object without properties.
  const unsaid = { type: undefined, properties: undefined };
  Reflect.defineMetadata(METADATA.schema, [{ name, ...unsaid, ...structuredClone(schema) }], described);
  return described;
}
