import type { RequestHandler } from 'express';

import { PipelineError } from '../../../core/errors.js';
import { describeCapabilities, toWadl } from '../dicomweb/capabilities.js';
import { baseUrlOf } from '../http/base-url.js';
import { negotiate } from '../http/media-type.js';
import type { AddResource } from '../http/resource.js';

export const CAPABILITIES_TYPES = ['application/vnd.sun.wadl+xml', 'application/json'] as const;

const BASE = '/dicom-web';

/**
 * Retrieve Capabilities (PS3.18 8.9): OPTIONS of the base URI describes the DICOM web services.
 *
 * @param paths of our OpenAPI description
 */
export function addCapabilitiesRoute(
  add: AddResource,
  paths: Readonly<Record<string, unknown>>,
  publicUrl: string | undefined,
): void {
  const resources = describeCapabilities(paths, BASE);
  const retrieve: RequestHandler = (request, response) => {
    const type = negotiate(request.headers.accept, CAPABILITIES_TYPES);
    if (type === undefined) {
      throw new PipelineError('not-acceptable', `Available: ${CAPABILITIES_TYPES.join(', ')}.`);
    }
    const base = `${baseUrlOf(request, publicUrl)}${BASE}`;
    const text =
      type === 'application/json'
        ? JSON.stringify({ application: { resources: { base: `${base}/`, resource: resources } } })
        : toWadl(resources, base);
    response.set('Content-Type', type).send(Buffer.from(text));
  };
  add(BASE, { options: retrieve });
}
