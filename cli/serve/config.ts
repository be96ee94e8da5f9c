import { z } from 'zod';

import { databaseConfig } from '../../adapters/database/config.js';
import { inferenceConfig } from '../../adapters/inference/config.js';
import { modelsConfig } from '../../adapters/models/config.js';
import { onnxConfig } from '../../adapters/onnx/config.js';
import { loggingConfig, tracingConfig } from '../../adapters/observability/config.js';
import { queueConfig } from '../../adapters/queue/config.js';
import { storageConfig } from '../../adapters/storage/config.js';
import { webhookConfig } from '../../adapters/webhook/config.js';
import { isConfidential } from '../../core/delivery/destination.js';
import { destinationsConfig } from '../../adapters/destinations/config.js';
import { tlsConfig } from '../../adapters/tls/config.js';
import { intVariable } from '../../adapters/config/load-config.js';
import { ingestDimseConfig } from '../../services/ingest-dimse/config.js';
import { ingestFolderConfig } from '../../services/ingest-folder/config.js';
import { archiveConfig, outcomeConfig } from '../../workers/inference/config.js';
import { retentionConfig } from '../../workers/upkeep/config.js';
import { ingestHttpConfig } from '../../services/ingest-http/config.js';
import { isLoopback } from './is-loopback.js';

const pipelineConfig = z.object({
  PREREAD_ASSEMBLE_DELAY_MS: intVariable({ min: 0, max: 600_000 })
    .default(50)
    .describe(
      "Quiet time after a study's last image before its result is made. While the next image of the study is on " +
        'its way, the result waits for it. Longer means fewer amended results where a sender takes longer to ' +
        'begin with the next image, and later results.',
    ),
  PREREAD_FAIR_WAIT_MS: intVariable({ min: 1_000, max: 86_400_000 })
    .default(600_000)
    .describe(
      'Images that have waited for so long get a small share of the workers, also while more urgent ' +
        'ones keep coming.',
    ),
  PREREAD_REQUEUE_AFTER_MS: intVariable({ min: 1_000, max: 86_400_000 })
    .default(300_000)
    .describe(
      'Work of which nothing was heard for so long is queued again; twelve times as long while the queue has a job ' +
        'for all of it. More than the longest image takes.',
    ),
});

const MAKE_SECRET = "node -p \"'whsec_' + require('crypto').randomBytes(32).toString('base64')\"";

/** Every setting of `preread serve`, composed of the slices that its parts own. */
export const serveConfig = z
  .object({
    ...storageConfig.shape,
    ...databaseConfig.shape,
    ...queueConfig.shape,
    ...modelsConfig.shape,
    ...onnxConfig.shape,
    ...inferenceConfig.shape,
    ...archiveConfig.shape,
    ...outcomeConfig.shape,
    ...pipelineConfig.shape,
    ...destinationsConfig.shape,
    ...webhookConfig.shape,
    ...ingestHttpConfig.shape,
    ...ingestDimseConfig.shape,
    ...ingestFolderConfig.shape,
    ...tlsConfig.shape,
    ...retentionConfig.shape,
    ...loggingConfig.shape,
    ...tracingConfig.shape,
  })
  .superRefine((config, context) => {
    if ((config.PREREAD_TLS_CERT === undefined) !== (config.PREREAD_TLS_KEY === undefined)) {
      context.addIssue({
        code: 'custom',
        path: [config.PREREAD_TLS_CERT === undefined ? 'PREREAD_TLS_CERT' : 'PREREAD_TLS_KEY'],
        message: 'a certificate needs its key, and a key its certificate: set both files',
      });
    }
    if (config.PREREAD_WATCH_DIR !== undefined && config.UV_THREADPOOL_SIZE < 3) {
      context.addIssue({
        code: 'custom',
        path: ['UV_THREADPOOL_SIZE'],
        message:
          'a watched folder needs 3 threads at least, one for itself, one for the objects and one for everything else',
      });
    }
    if (config.PREREAD_DIMSE_TLS && config.PREREAD_TLS_CERT === undefined) {
      context.addIssue({
        code: 'custom',
        path: ['PREREAD_DIMSE_TLS'],
        message: 'TLS needs a certificate: set PREREAD_TLS_CERT and PREREAD_TLS_KEY',
      });
    }
    if (config.PREREAD_DIMSE_TLS_CLIENT_CA !== undefined && !config.PREREAD_DIMSE_TLS) {
      context.addIssue({
        code: 'custom',
        path: ['PREREAD_DIMSE_TLS_CLIENT_CA'],
        message: 'clients show certificates over TLS alone: set PREREAD_DIMSE_TLS=true',
      });
    }
    if (
      config.PREREAD_DIMSE_PORT !== undefined &&
      !isLoopback(config.PREREAD_DIMSE_HOST) &&
      config.PREREAD_DIMSE_CALLERS === undefined &&
      config.PREREAD_DIMSE_TLS_CLIENT_CA === undefined
    ) {
      context.addIssue({
        code: 'custom',
        path: ['PREREAD_DIMSE_CALLERS'],
        message:
          'DIMSE beyond this machine needs to know who may call: name the AE titles (MODALITY1@10.0.0.7, PACS), ' +
          'set * for everybody, or ask for certificates with PREREAD_DIMSE_TLS_CLIENT_CA',
      });
    }
    const { PREREAD_WEBHOOK_URL: url, PREREAD_WEBHOOK_SECRET: secrets } = config;
    if (url !== undefined && secrets === undefined) {
      context.addIssue({
        code: 'custom',
        path: ['PREREAD_WEBHOOK_SECRET'],
        message: `a webhook needs a secret to sign with; make one with: ${MAKE_SECRET}`,
      });
    }
    if (url !== undefined && !isConfidential(url) && !config.PREREAD_WEBHOOK_ALLOW_HTTP) {
      context.addIssue({
        code: 'custom',
        path: ['PREREAD_WEBHOOK_URL'],
        message:
          'http:// beyond this machine is not encrypted; use https:// or set PREREAD_WEBHOOK_ALLOW_HTTP=true',
      });
    }
  });

export type ServeConfig = z.output<typeof serveConfig>;
