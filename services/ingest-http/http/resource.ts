import type { Express, RequestHandler } from 'express';

import type { Scope } from '../../../core/access/scopes.js';
import { PipelineError } from '../../../core/errors.js';
import type { Guard } from '../access/guard.js';

/** A method of a resource and who may call it. */
export interface GuardedMethod {
  readonly scope: Scope | 'public';
  readonly handle: RequestHandler | RequestHandler[];
}

export interface ResourceMethods {
  readonly get?: GuardedMethod;
  readonly post?: GuardedMethod;
  readonly put?: GuardedMethod;
  readonly delete?: GuardedMethod;
  /** What OPTIONS, which everybody may call, answers besides the methods. */
  readonly options?: RequestHandler;
  /** Media types that POST takes, for the header Accept-Post (LDP 7.1). */
  readonly acceptPost?: string;
}

const METHODS = ['get', 'post', 'put', 'delete'] as const;

/** Adds one resource with its methods: OPTIONS names them, and any other method is refused with them. */
export type AddResource = (path: string, methods: ResourceMethods) => void;

/** @param guard absent for an application that has public resources only */
export function resourcesOf(app: Express, guard?: Guard): AddResource {
  return (path, methods) => {
    const route = app.route(path);
    const allowed: string[] = [];
    for (const name of METHODS) {
      const method = methods[name];
      if (method !== undefined) {
        route[name](...before(method.scope, guard), method.handle);
        allowed.push(...(name === 'get' ? ['GET', 'HEAD'] : [name.toUpperCase()]));
      }
    }
    const allow = [...allowed, 'OPTIONS'].join(', ');
    route.options((request, response, next) => {
      response.set('Allow', allow);
      if (methods.acceptPost !== undefined) {
        response.set('Accept-Post', methods.acceptPost);
      }
      if (methods.options === undefined) {
        response.status(204).end();
      } else {
        void methods.options(request, response, next);
      }
    });
    route.all((_request, response) => {
      response.set('Allow', allow);
      throw new PipelineError('method-not-allowed', `The resource has ${allow}.`);
    });
  };
}

function before(scope: Scope | 'public', guard: Guard | undefined): readonly RequestHandler[] {
  if (scope === 'public') {
    return [];
  }
  if (guard === undefined) {
    throw new Error('a resource that needs a scope needs a guard');
  }
  return guard.requires(scope);
}
