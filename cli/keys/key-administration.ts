import { randomBytes } from 'node:crypto';

import { z } from 'zod';

import { loadConfig } from '../../adapters/config/load-config.js';
import { databaseConfig } from '../../adapters/database/config.js';
import { createKeyStore } from '../../adapters/database/key-store.js';
import { openDatabase } from '../../adapters/database/open-database.js';
import { storageConfig } from '../../adapters/storage/config.js';
import {
  createdKeySchema,
  createKey,
  describeKey,
  keyListSchema,
} from '../../core/access/manage-keys.js';
import type { keySchema, newKeySchema } from '../../core/access/manage-keys.js';
import { PipelineError } from '../../core/errors.js';
import { silentLogger } from '../../core/log.js';
import { readControlFile } from '../remote/control-file.js';
import { connectToServer } from '../remote/server-connection.js';

export interface KeyAdministration {
  create(key: z.infer<typeof newKeySchema>): Promise<z.infer<typeof createdKeySchema>>;
  list(): Promise<readonly z.infer<typeof keySchema>[]>;
  /** @throws PipelineError `not-found` */
  revoke(keyId: string): Promise<void>;
  close(): Promise<void>;
}

const directConfig = z.object({ ...databaseConfig.shape, ...storageConfig.shape });

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Keys by the running server, because it holds the embedded database; else by the database itself: the first
 * key is made before a server that needs one can start.
 */
export async function openKeyAdministration(
  flags: { readonly server?: string | undefined },
  env: Environment,
): Promise<KeyAdministration> {
  const named = flags.server ?? env['PREREAD_SERVER'];
  if (named !== undefined && named !== '') {
    return remoteAdministration(flags, env);
  }
  const config = loadConfig(directConfig, env);
  const { DATABASE_URL: url, PREREAD_DATA_DIR: dataFolder } = config;
  if (url === undefined && (await readControlFile(dataFolder)) !== undefined) {
    const remote = await remoteAdministration(flags, env);
    try {
      await remote.list();
      return remote;
    } catch (error) {
      // The file of a server that was killed: the database is free.
      if (!(error instanceof PipelineError && error.code === 'server-unreachable')) {
        throw error;
      }
    }
  }
  return directAdministration(
    url === undefined
      ? { kind: 'embedded', dataFolder }
      : { kind: 'postgres', url, poolSize: config.DATABASE_POOL_SIZE },
  );
}

async function remoteAdministration(
  flags: { readonly server?: string | undefined },
  env: Environment,
): Promise<KeyAdministration> {
  const server = await connectToServer(flags, env);
  return {
    create: (key) => server.call('POST', '/api/v1/keys', createdKeySchema, key),
    list: async () => (await server.call('GET', '/api/v1/keys', keyListSchema)).keys,
    revoke: async (keyId) => {
      await server.send(`/api/v1/keys/${encodeURIComponent(keyId)}`, { method: 'DELETE' });
    },
    close: () => Promise.resolve(),
  };
}

async function directAdministration(
  options: Parameters<typeof openDatabase>[1],
): Promise<KeyAdministration> {
  const clock = Date.now;
  const database = await openDatabase({ logger: silentLogger, clock }, options);
  const keys = createKeyStore({ pool: database.pool, clock });
  return {
    create: (key) => createKey(keys, key, randomBytes),
    list: async () => (await keys.list()).map(describeKey),
    revoke: async (keyId) => {
      if (!(await keys.revoke(keyId))) {
        throw new PipelineError('not-found', 'There is no such key.');
      }
    },
    close: () => database.close(),
  };
}
