import { z } from 'zod';

import { intVariable } from '../../adapters/config/load-config.js';

const MIB = 1024 ** 2;

/** The HTTP service's settings. */
export const ingestHttpConfig = z.object({
  PREREAD_HOST: z
    .string()
    .default('127.0.0.1')
    .describe('Address that the HTTP service listens on. The default is this machine only.'),
  PREREAD_PORT: intVariable({ min: 0, max: 65_535 })
    .default(8142)
    .describe('Port of the HTTP service; 0 takes a free one.'),
  PREREAD_PUBLIC_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe(
      'URL under which clients reach the service (behind a reverse proxy), for the URLs in answers. ' +
        'Without it the Host header of the request is used.',
    ),
  PREREAD_REQUIRE_KEYS: z
    .stringbool()
    .default(false)
    .describe(
      'Asks callers on this machine for an API key too. Always set it behind a reverse proxy on the same ' +
        'machine. Beyond this machine keys are needed anyway.',
    ),
  PREREAD_FHIR_PATIENT_SYSTEM: z
    .string()
    .min(1)
    .optional()
    .describe(
      'System of the patient identifier in what is read below /fhir, where the images name no URI or OID ' +
        '(as patientIdentifierSystem of a destination).',
    ),
  PREREAD_RATE_LIMIT_PER_MINUTE: intVariable({ min: 1, max: 10_000_000 })
    .default(6_000)
    .describe('Requests a minute that each API key may make; further ones are told to wait (429).'),
  PREREAD_WORKLIST_MAX_WAIT_MINUTES: intVariable({ min: 1, max: 10_080 })
    .default(120)
    .describe(
      'Minutes after which a routine study that still waits stands among the urgent ones in the worklist.',
    ),
  PREREAD_MAX_REQUEST_BYTES: intVariable({ min: 1, max: Number.MAX_SAFE_INTEGER })
    .default(2560 * MIB)
    .describe(
      'Largest request body that is accepted, in bytes: all objects of a request together.',
    ),
  PREREAD_MAX_STORE_REQUESTS: intVariable({ min: 1, max: 10_000 })
    .default(64)
    .describe('Store requests served at the same time; further ones are told to come back (503).'),
  PREREAD_HTTP_IDLE_TIMEOUT_MS: intVariable({ min: 100, max: 3_600_000 })
    .default(60_000)
    .describe(
      'Silence after which an upload is given up, in milliseconds. There is no limit on its total time.',
    ),
  PREREAD_HTTP_SHUTDOWN_MS: intVariable({ min: 0, max: 3_600_000 })
    .default(20_000)
    .describe('Time that requests in flight are given to finish at shutdown, in milliseconds.'),
});

export type IngestHttpConfig = z.infer<typeof ingestHttpConfig>;
