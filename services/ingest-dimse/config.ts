import { z } from 'zod';

import { intVariable } from '../../adapters/config/load-config.js';
import { parseCallers, parsePeers } from './peers.js';

const AE_TITLE = /^[\x21-\x5b\x5d-\x7e](?:[\x20-\x5b\x5d-\x7e]{0,14}[\x21-\x5b\x5d-\x7e])?$/;

/** The DIMSE service's settings. */
export const ingestDimseConfig = z.object({
  PREREAD_DIMSE_PORT: intVariable({ min: 0, max: 65_535 })
    .optional()
    .describe(
      'Port of the DIMSE service (C-STORE, C-ECHO, storage commitment); 0 takes a free one. Without it there ' +
        'is none. 11112 is customary; "preread serve --dimse" takes that.',
    ),
  PREREAD_DIMSE_HOST: z
    .string()
    .default('127.0.0.1')
    .describe('Address that the DIMSE service listens on. The default is this machine only.'),
  PREREAD_DIMSE_AE_TITLES: z
    .string()
    .default('PREREAD')
    .transform((text) => text.split(',').map((title) => title.trim()))
    .pipe(z.array(z.literal('*').or(z.string().regex(AE_TITLE, 'not an AE title'))).min(1))
    .describe(
      'AE titles that the service answers to, separated by commas; the first is its own. `*` answers to any.',
    ),
  PREREAD_DIMSE_CALLERS: z
    .string()
    .optional()
    .transform((text, context) => parseCallers(text, context))
    .describe(
      'Who may call: AE titles, separated by commas, each with @address where it must come from one ' +
        '(MODALITY1@10.0.0.7, PACS). `*` is everybody. Needed beyond this machine, unless clients show certificates.',
    ),
  PREREAD_DIMSE_PEERS: z
    .string()
    .default('')
    .transform((text, context) => parsePeers(text, context))
    .describe(
      'Where AE titles listen, as PACS=10.0.0.5:104, separated by commas: reports of storage commitment go ' +
        'there on an association of their own. For others they come on the association that asked.',
    ),
  PREREAD_DIMSE_TLS: z
    .stringbool()
    .default(false)
    .describe(
      'TLS, with the certificate of PREREAD_TLS_CERT and PREREAD_TLS_KEY. 2762 is the customary port.',
    ),
  PREREAD_DIMSE_TLS_CLIENT_CA: z
    .string()
    .min(1)
    .optional()
    .describe(
      'File of certificates (PEM) by one of which a client’s certificate must be signed. Without it clients need none.',
    ),
  PREREAD_DIMSE_MAX_ASSOCIATIONS: intVariable({ min: 1, max: 1_000 })
    .default(32)
    .describe('Associations served at the same time; further ones are rejected for the moment.'),
  PREREAD_DIMSE_MAX_PDU_BYTES: intVariable({ min: 4_096, max: 1_048_576 })
    .default(131_072)
    .describe('Longest PDU that is accepted, in bytes; peers are told.'),
  PREREAD_DIMSE_IDLE_TIMEOUT_MS: intVariable({ min: 100, max: 3_600_000 })
    .default(60_000)
    .describe(
      'Time in which the next whole PDU must come, in milliseconds; else the association is aborted.',
    ),
});

export type IngestDimseConfig = z.infer<typeof ingestDimseConfig>;
