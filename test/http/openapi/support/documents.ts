import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { Validator } from '@seriousme/openapi-schema-validator';

/** The versions that documents are made in. */
export const openApiVersions = ['3.0.0', '3.1.1', '3.2.0'] as const;

export function documentOf(app: INestApplication, version: string = '3.0.0'): OpenAPIObject {
  const config = new DocumentBuilder().setTitle('Tasks').setVersion('1.0').setOpenAPIVersion(version).build();
  return SwaggerModule.createDocument(app, config);
}

/** What is wrong with a document, by the schema of its version. */
export async function faultsOf(document: object): Promise<unknown> {
  const plain = JSON.parse(JSON.stringify(document)) as Record<string, unknown>;
  const { valid, errors } = await new Validator().validate(plain);
  return valid ? undefined : errors;
}

/** An operation as tests read it. */
export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly parameters: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly schema: object;
  }[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Content };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly headers?: object; readonly content?: Content }>
  >;
}

export type Content = Readonly<
  Record<string, { readonly schema?: Readonly<Record<string, unknown>>; readonly itemSchema?: object }>
>;

/** The operations by `GET /path`. */
export function operationsOf(document: OpenAPIObject): Map<string, Operation> {
  return new Map(
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => [
        `${method.toUpperCase()} ${path}`,
        operation as Operation,
      ]),
    ),
  );
}
