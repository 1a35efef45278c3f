import { Injectable, type Type } from '@nestjs/common';
import type { TaskAuthorizer } from 'nestjs-streaming';
import { deferred } from '../wait.js';

/** An authorizer that lets everybody in, but not before it is told to. */
export interface HeldAuthorizer {
  readonly type: Type<TaskAuthorizer>;
  /** How often it was asked. */
  readonly asked: number;
  letIn(): void;
}

export function heldAuthorizer(): HeldAuthorizer {
  const allowed = deferred();
  let asked = 0;
  @Injectable()
  class Held implements TaskAuthorizer {
    async authorize(): Promise<boolean> {
      asked += 1;
      await allowed.promise;
      return true;
    }
  }
  return {
    type: Held,
    get asked() {
      return asked;
    },
    letIn: () => allowed.resolve(),
  };
}
