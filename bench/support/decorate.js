import { Module } from '@nestjs/common';

/**
 * An application's module.
 *
 * @param {import('@nestjs/common').ModuleMetadata} metadata
 * @returns {Function}
 */
export function makeModule(metadata) {
  function AppModule() {}
  decorate(AppModule, Module(metadata));
  return AppModule;
}

/**
 * What `@decorator` in front of a class does. This is plain JavaScript, which has no decorators yet.
 *
 * @param {Function} target
 * @param {...ClassDecorator} decorators
 */
export function decorate(target, ...decorators) {
  for (const decorator of decorators.toReversed()) decorator(target);
}

/**
 * What decorators in front of a method and its parameters do.
 *
 * @param {Function} target
 * @param {string} method
 * @param {readonly ParameterDecorator[]} parameters
 * @param {...MethodDecorator} decorators
 */
export function decorateMethod({ prototype }, method, parameters, ...decorators) {
  const descriptor = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(prototype, method));
  parameters.forEach((parameter, index) => parameter(prototype, method, index));
  for (const decorator of decorators.toReversed()) decorator(prototype, method, descriptor);
}
