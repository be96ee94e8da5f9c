import type { Express, RequestHandler } from 'express';

import { PipelineError } from '../../../core/errors.js';

export interface ResourceMethods {
  readonly get?: RequestHandler;
  readonly post?: RequestHandler;
  /** Media types that POST takes, for the header Accept-Post (LDP 7.1). */
  readonly acceptPost?: string;
}

/** One resource with its methods: OPTIONS names them, and any other method is refused with them. */
export function addResource(app: Express, path: string, methods: ResourceMethods): void {
  const route = app.route(path);
  if (methods.get) {
    route.get(methods.get);
  }
  if (methods.post) {
    route.post(methods.post);
  }
  const allow = [
    ...(methods.get ? ['GET', 'HEAD'] : []),
    ...(methods.post ? ['POST'] : []),
    'OPTIONS',
  ].join(', ');
  route.options((_request, response) => {
    response.set('Allow', allow);
    if (methods.acceptPost !== undefined) {
      response.set('Accept-Post', methods.acceptPost);
    }
    response.status(204).end();
  });
  route.all((_request, response) => {
    response.set('Allow', allow);
    throw new PipelineError('method-not-allowed', `The resource has ${allow}.`);
  });
}
