import { z } from 'zod';

import { databaseConfig } from '../../adapters/database/config.js';
import { inferenceConfig } from '../../adapters/inference/config.js';
import { modelsConfig } from '../../adapters/models/config.js';
import { onnxConfig } from '../../adapters/onnx/config.js';
import { loggingConfig } from '../../adapters/observability/config.js';
import { queueConfig } from '../../adapters/queue/config.js';
import { storageConfig } from '../../adapters/storage/config.js';
import { webhookConfig } from '../../adapters/webhook/config.js';
import { intVariable } from '../../adapters/config/load-config.js';
import { ingestHttpConfig } from '../../services/ingest-http/config.js';

const pipelineConfig = z.object({
  PREREAD_ASSEMBLE_DELAY_MS: intVariable({ min: 0, max: 600_000 })
    .default(100)
    .describe(
      "Quiet time after a study's last image before its result is made. Longer means fewer amended " +
        'results where images of a study arrive one by one, and later ones.',
    ),
});

/** Every setting of `preread serve`, composed of the slices that its parts own. */
export const serveConfig = z
  .object({
    ...storageConfig.shape,
    ...databaseConfig.shape,
    ...queueConfig.shape,
    ...modelsConfig.shape,
    ...onnxConfig.shape,
    ...inferenceConfig.shape,
    ...pipelineConfig.shape,
    ...webhookConfig.shape,
    ...ingestHttpConfig.shape,
    ...loggingConfig.shape,
  })
  .refine((config) => !config.PREREAD_WEBHOOK_URL || config.PREREAD_WEBHOOK_SECRET, {
    path: ['PREREAD_WEBHOOK_SECRET'],
    message:
      'a webhook needs a secret to sign with; make one with: ' +
      "node -e \"console.log('whsec_'+crypto.randomBytes(32).toString('base64'))\"",
  });

export type ServeConfig = z.output<typeof serveConfig>;
