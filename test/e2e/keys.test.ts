import { describe, expect, it } from 'vitest';

import { freePort } from '../support/free-port.js';
import { runPreread, startServe } from '../support/preread-process.js';
import { temporaryFolder } from '../support/temp-folder.js';

const ADMIN = ['keys', 'create', '--name', 'admin', '--scope', 'admin'];

function keyIn(output: string): string {
  return /prk_\S+/.exec(output)?.[0] ?? '';
}

describe('preread keys', () => {
  it('makes the key without which a server beyond this machine does not start', async () => {
    const env = {
      PREREAD_DATA_DIR: temporaryFolder(),
      PREREAD_MIN_FREE_BYTES: '0',
      PREREAD_HOST: '0.0.0.0',
      PREREAD_PORT: String(await freePort()),
    };
    const refused = await runPreread(['serve'], env);
    expect(refused.exitCode).toBe(2);
    expect(refused.output).toContain('preread keys create');

    const created = await runPreread(ADMIN, env);
    expect(created.exitCode, created.output).toBe(0);
    const serve = await startServe(env);
    try {
      const url = `http://127.0.0.1:${env.PREREAD_PORT}`;
      const get = (key?: string) =>
        fetch(`${url}/api/v1/studies`, {
          headers: key === undefined ? {} : { Authorization: `Bearer ${key}` },
        });
      expect((await get()).status).toBe(401);
      expect((await get(keyIn(created.output))).status).toBe(200);

      // The running server holds the database; the command goes through it.
      const second = await runPreread(
        ['keys', 'create', '--name', 'viewer', '--scope', 'read'],
        env,
      );
      expect(second.exitCode, second.output).toBe(0);
      const viewer = keyIn(second.output);
      expect((await get(viewer)).status).toBe(200);
      expect((await runPreread(['keys', 'list'], env)).output).toMatch(/viewer +read/);

      const overNetwork = { PREREAD_API_KEY: viewer, PREREAD_DATA_DIR: temporaryFolder() };
      const forbidden = await runPreread(['keys', 'list', '--server', url], overNetwork);
      expect(forbidden.output).toContain('forbidden');
      expect(forbidden.exitCode).toBe(1);

      expect((await runPreread(['keys', 'revoke', viewer], env)).exitCode).toBe(0);
      expect((await get(viewer)).status).toBe(401);
    } finally {
      await serve.stop();
    }

    const listed = await runPreread(['keys', 'list', '--json'], env);
    expect(listed.output).toContain('revokedAt');
  });

  it('says what to do when no server answers, and what is wrong with its arguments', async () => {
    const port = await freePort();
    const env = { PREREAD_DATA_DIR: temporaryFolder() };
    const away = await runPreread(['keys', 'list', '--server', `http://127.0.0.1:${port}`], env);
    expect(away.output).toMatch(/preread serve/);
    expect(away.exitCode).toBe(1);
    const wrong = await runPreread(['keys', 'create', '--name', 'x', '--scope', 'root'], env);
    expect(wrong.output).toMatch(/ingest, read, review, admin/);
    expect(wrong.exitCode).toBe(2);
  });
});
