import { z } from 'zod';
import { createDocument } from 'zod-openapi';
import type { ZodOpenApiOperationObject } from 'zod-openapi';

import { softwareVersion } from '../../adapters/process/package-info.js';
import { createdKeySchema, keyListSchema, newKeySchema } from '../../core/access/manage-keys.js';
import { PRIORITIES } from '../../core/triage/priority.js';
import { problemSchema } from './http/problem.js';
import { json, problems } from './openapi-answers.js';
import { DELIVERY_PATHS } from './openapi-deliveries.js';
import { FHIR_PATHS } from './openapi-fhir.js';
import {
  RETRIEVE_PATHS,
  retrieveCapabilities,
  retrieveStudy,
  searchStudies,
} from './openapi-retrieve.js';
import { OPERATIONS_PATHS } from './openapi-operations.js';
import { livenessSchema, readinessSchema } from './routes/health.js';
import { worklistQuerySchema, worklistSchema } from './routes/worklist.js';
import { studyListSchema, studyQuerySchema, studySchema } from './routes/studies.js';

const dicomJsonSchema = z
  .record(z.string(), z.object({ vr: z.string(), Value: z.array(z.unknown()).optional() }))
  .meta({
    id: 'StoreInstancesResponse',
    description: 'The dataset of PS3.18 table 10.5.3-2 in the DICOM JSON model.',
  });

const binary = z.string().meta({ override: { type: 'string', format: 'binary' } });
const StudyInstanceUID = z.string().describe('Study Instance UID.');

const storeBodies = {
  description:
    'Part 10 files. A multipart body needs a boundary in its Content-Type; each part is one file.',
  required: true,
  content: {
    'multipart/related; type="application/dicom"': { schema: binary },
    'application/dicom': { schema: binary },
  },
};

const storeHeaders = z.object({
  'Preread-Priority': z
    .enum(PRIORITIES)
    .optional()
    .describe('Priority of the studies; outranks Requested Procedure Priority of the objects.'),
});

/** The OpenAPI 3.1 description, generated from the schemas that the answers are typed by. */
export function buildOpenApi(): ReturnType<typeof createDocument> {
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'preread',
      version: softwareVersion,
      description:
        'AI pre-reads of chest X-rays: DICOM in by DICOMweb, results out as JSON. Decision support for ' +
        'research and evaluation, not a medical device.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    tags: [
      { name: 'DICOMweb', description: 'STOW-RS (PS3.18 10.5), WADO-RS (10.4), QIDO-RS (10.6).' },
      { name: 'FHIR', description: 'Results as FHIR R4 resources, read-only.' },
      { name: 'Studies' },
      { name: 'Deliveries' },
      { name: 'Keys', description: 'For administrators.' },
      { name: 'Operations' },
      { name: 'Health' },
    ],
    components: {
      securitySchemes: {
        apiKey: {
          type: 'http',
          scheme: 'bearer',
          description:
            'A key made by `preread keys create`. Callers on the same machine need none, unless the server ' +
            'asks for it (PREREAD_REQUIRE_KEYS).',
        },
      },
    },
    security: [{ apiKey: [] }],
    paths: {
      '/dicom-web': { options: retrieveCapabilities },
      '/dicom-web/studies': {
        get: searchStudies,
        post: store('storeInstances', 'Store objects of any studies', {}),
      },
      '/dicom-web/studies/{StudyInstanceUID}': {
        get: retrieveStudy,
        post: store('storeStudyInstances', 'Store objects of one study', {
          path: z.object({ StudyInstanceUID }),
        }),
      },
      ...RETRIEVE_PATHS,
      ...FHIR_PATHS,
      '/api/v1/studies': {
        get: {
          operationId: 'listStudies',
          summary: 'Studies, newest first',
          tags: ['Studies'],
          requestParams: { query: studyQuerySchema },
          responses: {
            '200': json('A page of studies.', studyListSchema),
            ...problems(400, 401, 403, 429, 503),
          },
        },
      },
      '/api/v1/studies/{StudyInstanceUID}': {
        get: {
          operationId: 'getStudy',
          summary: 'One study with its latest result and its deliveries',
          tags: ['Studies'],
          requestParams: { path: z.object({ StudyInstanceUID }) },
          responses: {
            '200': json('The study.', studySchema),
            ...problems(401, 403, 404, 429, 503),
          },
        },
      },
      '/api/v1/worklist': {
        get: {
          operationId: 'getWorklist',
          summary: 'Studies in the order in which they are to be read',
          tags: ['Studies'],
          requestParams: { query: worklistQuerySchema },
          responses: {
            '200': json('A page of the worklist.', worklistSchema),
            ...problems(400, 401, 403, 429, 503),
          },
        },
      },
      '/api/v1/keys': {
        get: {
          operationId: 'listKeys',
          summary: 'API keys, newest first; the revoked ones too',
          tags: ['Keys'],
          responses: { '200': json('The keys.', keyListSchema), ...problems(401, 403, 429, 503) },
        },
        post: {
          operationId: 'createKey',
          summary: 'Make an API key',
          tags: ['Keys'],
          requestBody: {
            required: true,
            content: { 'application/json': { schema: newKeySchema } },
          },
          responses: {
            '201': json('The key, shown this once.', createdKeySchema),
            ...problems(400, 401, 403, 429, 503),
          },
        },
      },
      '/api/v1/keys/{keyId}': {
        delete: {
          operationId: 'revokeKey',
          summary: 'Refuse a key from now on',
          tags: ['Keys'],
          requestParams: { path: z.object({ keyId: z.string() }) },
          responses: {
            '204': { description: 'It is refused.' },
            ...problems(401, 403, 404, 429, 503),
          },
        },
      },
      ...DELIVERY_PATHS,
      ...OPERATIONS_PATHS,
      '/healthz': {
        get: {
          security: [],
          operationId: 'getLiveness',
          summary: 'The process lives',
          tags: ['Health'],
          responses: { '200': json('It does.', livenessSchema) },
        },
      },
      '/readyz': {
        get: {
          security: [],
          operationId: 'getReadiness',
          summary: 'Each dependency, asked now',
          tags: ['Health'],
          responses: {
            '200': json('All of them work.', readinessSchema),
            '503': json('At least one does not.', readinessSchema),
          },
        },
      },
    },
  });
}

function store(
  operationId: string,
  summary: string,
  params: { path?: z.ZodObject },
): ZodOpenApiOperationObject {
  const answer = (description: string) => ({
    description,
    content: {
      'application/dicom+json': { schema: dicomJsonSchema },
      'application/dicom+xml': { schema: z.string().describe('The same, PS3.19 A.1.') },
      'application/problem+json': { schema: problemSchema },
    },
  });
  return {
    operationId,
    summary,
    description:
      'Answered when every object is durably stored; analysis follows. An answer about objects is a ' +
      'dataset; an answer about the request as a whole is a problem.',
    tags: ['DICOMweb'],
    requestParams: { ...params, header: storeHeaders },
    requestBody: storeBodies,
    responses: {
      '200': answer('All objects are stored (identical ones may have been before).'),
      '202': answer('Some objects are stored; the dataset lists the others with their reasons.'),
      '400': answer('The request cannot be understood; nothing is stored.'),
      '409': answer('No object is stored; the dataset says why.'),
      '413': answer('The request or its only object exceeds the configured limit.'),
      '415': answer('The media type of the request or of its parts is not supported.'),
      '503': answer('Try again after the seconds in Retry-After.'),
      ...problems(401, 403, 406, 408, 429, 500),
    },
  };
}
