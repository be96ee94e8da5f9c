import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';

import type { DestinationOf } from '../../core/delivery/destination.js';
import { PipelineError } from '../../core/errors.js';

type TlsFiles = DestinationOf<'webhook'>['tls'];

/**
 * A destination's `tls` as node:tls takes it; certificates are always verified.
 * @throws PipelineError `config-invalid` for a file that cannot be read
 */
export function tlsOptions(tls: TlsFiles): ConnectionOptions {
  return {
    minVersion: 'TLSv1.2',
    ...(tls?.ca !== undefined && { ca: readPem(tls.ca) }),
    ...(tls?.certificate !== undefined && { cert: readPem(tls.certificate) }),
    ...(tls?.key !== undefined && { key: readPem(tls.key) }),
    ...(tls?.serverName !== undefined && { servername: tls.serverName }),
  };
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new PipelineError('config-invalid', `The PEM file ${path} cannot be read.`, { cause });
  }
}
