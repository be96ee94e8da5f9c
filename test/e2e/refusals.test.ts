import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { modelManifestSchema } from '../../core/inference/model-manifest.js';
import { packageRoot } from '../../adapters/process/package-info.js';
import { demoStudies } from '../../scripts/phantom/demo-studies.js';
import { eventually } from '../support/eventually.js';
import { runPreread, startServe } from '../support/preread-process.js';
import { stow } from '../support/stow.js';
import { readyResult } from '../support/study-api.js';
import { temporaryFolder } from '../support/temp-folder.js';
import { startWebhookReceiver } from '../support/webhook-receiver.js';

describe('preread serve', () => {
  it('refuses a second process on the same data folder and says what to do', async () => {
    const env = { PREREAD_DATA_DIR: temporaryFolder(), PREREAD_MIN_FREE_BYTES: '0' };
    const first = await startServe(env);
    try {
      const second = await runPreread(['serve'], { ...env, PREREAD_PORT: '0' });
      expect(second.output).toMatch(/data-folder-locked/);
      expect(second.output).toMatch(/DATABASE_URL/);
      expect(second.exitCode).toBe(2);
      expect((await fetch(`${first.url}/readyz`)).status).toBe(200);
    } finally {
      await first.stop();
    }
  });

  it('refuses a model whose file is not the one of its manifest', async () => {
    const folder = join(temporaryFolder(), 'tampered');
    cpSync(join(packageRoot, 'models', 'preread-cxr14'), folder, { recursive: true });
    const manifest = modelManifestSchema.parse(
      JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')),
    );
    const weights = join(folder, manifest.file.path);
    const bytes = readFileSync(weights);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(weights, bytes);
    const { exitCode, output } = await runPreread(['serve'], {
      PREREAD_DATA_DIR: temporaryFolder(),
      PREREAD_MODEL: folder,
      PREREAD_PRECISION: 'fp32',
      PREREAD_PORT: '0',
    });
    expect(output).toMatch(/model-hash-mismatch/);
    expect(exitCode).toBe(2);
  });

  it('reports every wrong setting by its name and starts nothing', async () => {
    const { exitCode, output } = await runPreread(['serve'], {
      PREREAD_PORT: 'eighty',
      PREREAD_WEBHOOK_URL: 'ftp://receiver',
      PREREAD_WEBHOOK_SECRET: 'short',
    });
    expect(output).toMatch(/PREREAD_PORT/);
    expect(output).toMatch(/PREREAD_WEBHOOK_URL/);
    expect(output).toMatch(/PREREAD_WEBHOOK_SECRET/);
    expect(exitCode).toBe(2);
  });

  it('names a port that is taken', async () => {
    const env = { PREREAD_DATA_DIR: temporaryFolder(), PREREAD_MIN_FREE_BYTES: '0' };
    const first = await startServe(env);
    try {
      const { exitCode, output } = await runPreread(['serve'], {
        PREREAD_DATA_DIR: temporaryFolder(),
        PREREAD_PORT: new URL(first.url).port,
      });
      expect(output).toMatch(/Set PREREAD_PORT/);
      expect(exitCode).toBe(2);
    } finally {
      await first.stop();
    }
  });

  it('refuses an unknown role', async () => {
    const { exitCode, output } = await runPreread(['serve', '--role', 'everything']);
    expect(output).toMatch(/ingest, inference, assemble, delivery/);
    expect(exitCode).toBe(2);
  });

  it('keeps a result whose receiver is down and brings it when the receiver is back', async () => {
    let status = 503;
    const receiver = await startWebhookReceiver({ answer: () => status });
    const serve = await startServe({
      PREREAD_DATA_DIR: temporaryFolder(),
      PREREAD_WEBHOOK_URL: receiver.url,
      PREREAD_WEBHOOK_SECRET: receiver.secret,
      PREREAD_WEBHOOK_BODY: 'full',
      PREREAD_MIN_FREE_BYTES: '0',
    });
    try {
      for await (const study of demoStudies({ seed: 'down', count: 1, Rows: 256, Columns: 256 })) {
        const files = study.instances.map(({ bytes }) => bytes);
        expect((await stow(serve.url, files)).status).toBe(200);
        await receiver.until(() => receiver.attempts >= 1, 'the first attempt');
        await eventually(async () => {
          expect(await readyResult(serve.url, study.StudyInstanceUID)).toBeDefined();
        });
      }
      expect(receiver.received).toHaveLength(0);
      status = 204;
      await receiver.until(() => receiver.received.length === 1, 'the second attempt');
    } finally {
      await serve.stop();
      await receiver.close();
    }
  });
});
