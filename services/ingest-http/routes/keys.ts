import { randomBytes } from 'node:crypto';

import express from 'express';
import type { RequestHandler } from 'express';
import type { z } from 'zod';

import type { KeyStore } from '../../../core/access/key-store.js';
import { createKey, describeKey, newKeySchema } from '../../../core/access/manage-keys.js';
import type { keyListSchema } from '../../../core/access/manage-keys.js';
import { PipelineError } from '../../../core/errors.js';
import { parseRequest } from '../http/parse-request.js';
import type { AddResource } from '../http/resource.js';

/** Keys for administrators: `/api/v1/keys`. */
export function addKeyRoutes(add: AddResource, keys: KeyStore): void {
  add('/api/v1/keys', {
    get: { scope: 'admin', handle: listKeys(keys) },
    post: { scope: 'admin', handle: [express.json({ limit: '16kb' }), createKeyRoute(keys)] },
  });
  add('/api/v1/keys/:keyId', { delete: { scope: 'admin', handle: revokeKey(keys) } });
}

function listKeys(keys: KeyStore): RequestHandler {
  return async (_request, response) => {
    const all = await keys.list();
    response.json({ keys: all.map(describeKey) } satisfies z.infer<typeof keyListSchema>);
  };
}

function createKeyRoute(keys: KeyStore): RequestHandler {
  return async (request, response) => {
    const created = await createKey(keys, parseRequest(newKeySchema, request.body), randomBytes);
    response.status(201).set('Cache-Control', 'no-store').json(created);
  };
}

function revokeKey(keys: KeyStore): RequestHandler {
  return async (request, response) => {
    if (!(await keys.revoke(String(request.params['keyId'])))) {
      throw new PipelineError('not-found', 'There is no such key.');
    }
    response.status(204).end();
  };
}
