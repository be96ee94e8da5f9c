import { timingSafeEqual } from 'node:crypto';

import type { KeyStore } from '../../core/access/key-store.js';
import { PipelineError } from '../../core/errors.js';
import { makeControlToken } from '../remote/control-file.js';
import type { ServeConfig } from './config.js';
import { isLoopback } from './is-loopback.js';

export interface Access {
  readonly trustLoopback: boolean;
  readonly controlToken: string;
  readonly isControlToken: (token: string) => boolean;
}

/**
 * Who may use the API of this process. Beyond this machine nobody without a key.
 * @throws PipelineError `config-invalid` when keys are needed and there is none
 */
export async function openAccess(
  keys: Pick<KeyStore, 'countActive'>,
  config: Pick<ServeConfig, 'PREREAD_HOST' | 'PREREAD_REQUIRE_KEYS'>,
): Promise<Access> {
  const needKeys = config.PREREAD_REQUIRE_KEYS || !isLoopback(config.PREREAD_HOST);
  if (needKeys && (await keys.countActive()) === 0) {
    const why = config.PREREAD_REQUIRE_KEYS
      ? 'PREREAD_REQUIRE_KEYS is set'
      : `PREREAD_HOST=${config.PREREAD_HOST} lets other machines in`;
    throw new PipelineError(
      'config-invalid',
      `${why}, and there is no API key yet. Make one with the same settings: ` +
        '"preread keys create --name admin --scope admin". Or leave PREREAD_HOST at 127.0.0.1.',
    );
  }
  const controlToken = makeControlToken();
  const expected = Buffer.from(controlToken);
  return {
    trustLoopback: !needKeys,
    controlToken,
    isControlToken: (token) => {
      const actual = Buffer.from(token);
      return actual.length === expected.length && timingSafeEqual(actual, expected);
    },
  };
}
