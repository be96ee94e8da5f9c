import { createHash } from 'node:crypto';

import { canonicalJson } from '../canonical-json.js';
import type { Destination } from './destination.js';

/**
 * SHA-256, in hexadecimal, of where a destination is: equal as long as results go to the same receiver. A
 * digest because the URL of a webhook may be a secret; credentials and filters are no part of it.
 */
export function addressFingerprint(destination: Destination): string {
  return createHash('sha256')
    .update(canonicalJson(addressOf(destination)))
    .digest('hex');
}

function addressOf(destination: Destination): object {
  switch (destination.kind) {
    case 'webhook':
    case 'dicomweb':
    case 'fhir':
      return { kind: destination.kind, url: destination.url };
    case 'hl7': {
      const { kind, host, port } = destination;
      return { kind, host, port };
    }
    case 'dimse': {
      const { kind, host, port, calledAeTitle } = destination;
      return { kind, host, port, calledAeTitle };
    }
  }
}
