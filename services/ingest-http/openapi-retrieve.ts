import { z } from 'zod';
import type { ZodOpenApiOperationObject, ZodOpenApiPathsObject } from 'zod-openapi';

import { renderedQuerySchema, thumbnailQuerySchema } from './dicomweb/rendering-query.js';
import { problems } from './openapi-answers.js';
import { CAPABILITIES_TYPES } from './routes/capabilities.js';
import { INSTANCE_KEYS, SERIES_KEYS, STUDY_KEYS } from './routes/search-objects.js';

const uid = z.string();
const binary = z.string().meta({ override: { type: 'string', format: 'binary' } });
const study = { StudyInstanceUID: uid };
const series = { ...study, SeriesInstanceUID: uid };
const instance = { ...series, SOPInstanceUID: uid };
const framed = { ...instance, frames: z.string() };
const SERIES = '/dicom-web/studies/{StudyInstanceUID}/series/{SeriesInstanceUID}';
const INSTANCE = `${SERIES}/instances/{SOPInstanceUID}`;

export const retrieveCapabilities: ZodOpenApiOperationObject = {
  operationId: 'retrieveCapabilities',
  summary: 'The DICOM web services that there are (PS3.18 8.9)',
  tags: ['DICOMweb'],
  security: [],
  responses: {
    '200': {
      description: 'The capabilities.',
      content: Object.fromEntries(
        CAPABILITIES_TYPES.map((type) => [type, { schema: z.unknown() }]),
      ),
    },
    ...problems(406),
  },
};

export const retrieveStudy = retrieve('retrieveStudy', 'The objects of a study', study);

export const searchStudies = search('searchStudies', 'Studies that match', STUDY_KEYS, {});

/** WADO-RS and QIDO-RS: what hangs below a study. */
export const RETRIEVE_PATHS: ZodOpenApiPathsObject = {
  '/dicom-web/studies/{StudyInstanceUID}/metadata': {
    get: metadata('retrieveStudyMetadata', study),
  },
  '/dicom-web/studies/{StudyInstanceUID}/series': {
    get: search('searchSeries', 'The series of a study', SERIES_KEYS, study),
  },
  [`${SERIES}/instances`]: {
    get: search('searchInstances', 'The objects of a series', INSTANCE_KEYS, series),
  },
  [SERIES]: { get: retrieve('retrieveSeries', 'The objects of a series', series) },
  [`${SERIES}/metadata`]: { get: metadata('retrieveSeriesMetadata', series) },
  ...renderings('Study', 'study', '/dicom-web/studies/{StudyInstanceUID}', study),
  ...renderings('Series', 'series', SERIES, series),
  [INSTANCE]: { get: retrieve('retrieveInstance', 'One object', instance, true) },
  [`${INSTANCE}/metadata`]: { get: metadata('retrieveInstanceMetadata', instance) },
  ...renderings('Instance', 'object', INSTANCE, instance),
  [`${INSTANCE}/frames/{frames}`]: {
    get: frames('retrieveFrames', 'Frames, numbers from 1 on separated by commas', framed),
  },
  ...renderings('Frame', 'frame', `${INSTANCE}/frames/{frames}`, framed),
  [`${INSTANCE}/bulkdata/7FE00010`]: {
    get: frames('retrievePixelData', 'All frames: where metadata say that Pixel Data is', instance),
  },
};

function frames(
  operationId: string,
  summary: string,
  path: z.ZodRawShape,
): ZodOpenApiOperationObject {
  return {
    operationId,
    summary,
    description:
      'Decoded to Explicit VR Little Endian, unless Accept asks for the compressed type or transfer-syntax=*.',
    tags: ['DICOMweb'],
    requestParams: { path: z.object(path) },
    responses: {
      '200': {
        description: 'One part for each frame.',
        content: {
          'multipart/related; type="application/octet-stream"': { schema: binary },
          'application/octet-stream': { schema: binary },
        },
      },
      ...problems(400, 401, 403, 404, 406, 422, 429, 503),
    },
  };
}

function renderings(
  name: string,
  what: string,
  path: string,
  params: z.ZodRawShape,
): ZodOpenApiPathsObject {
  const get = (
    operationId: string,
    summary: string,
    query: z.ZodObject,
  ): ZodOpenApiOperationObject => ({
    operationId,
    summary,
    tags: ['DICOMweb'],
    requestParams: { path: z.object(params), query },
    responses: {
      '200': {
        description: 'The picture.',
        content: { 'image/jpeg': { schema: binary }, 'image/png': { schema: binary } },
      },
      '304': { description: 'The client has it (If-None-Match).' },
      ...problems(400, 401, 403, 404, 406, 422, 429, 503),
    },
  });
  return {
    [`${path}/rendered`]: {
      get: get(`retrieveRendered${name}`, `The ${what} as a picture`, asTexts(renderedQuerySchema)),
    },
    [`${path}/thumbnail`]: {
      get: get(`retrieve${name}Thumbnail`, `The ${what}, small`, asTexts(thumbnailQuerySchema)),
    },
  };
}

/** Query parameters are texts, whatever is made of them. */
function asTexts({ shape }: z.ZodObject): z.ZodObject {
  return z.object(
    Object.fromEntries(
      Object.entries(shape).map(([name, schema]) => [
        name,
        z
          .string()
          .optional()
          .describe((schema as z.ZodType).description ?? ''),
      ]),
    ),
  );
}

function retrieve(
  operationId: string,
  summary: string,
  path: z.ZodRawShape,
  single = false,
): ZodOpenApiOperationObject {
  return {
    operationId,
    summary,
    description: 'As received, in the transfer syntax that they have.',
    tags: ['DICOMweb'],
    requestParams: { path: z.object(path) },
    responses: {
      '200': {
        description: 'The objects.',
        content: {
          'multipart/related; type="application/dicom"': { schema: binary },
          ...(single && { 'application/dicom': { schema: binary } }),
        },
      },
      '206': { description: 'Those that the retention rules have not removed.' },
      ...problems(401, 403, 404, 406, 429, 503),
    },
  };
}

function search(
  operationId: string,
  summary: string,
  keys: object,
  path: z.ZodRawShape,
): ZodOpenApiOperationObject {
  const query = Object.fromEntries(
    ['limit', 'offset', ...Object.keys(keys)].map((name) => [name, z.string().optional()]),
  );
  return {
    operationId,
    summary,
    tags: ['DICOMweb'],
    requestParams: { path: z.object(path), query: z.object(query) },
    responses: {
      '200': {
        description: 'What matches, as DICOM JSON.',
        content: {
          'application/dicom+json': { schema: z.array(z.record(z.string(), z.unknown())) },
        },
      },
      ...problems(400, 401, 403, 406, 429, 503),
    },
  };
}

function metadata(operationId: string, path: z.ZodRawShape): ZodOpenApiOperationObject {
  return {
    operationId,
    summary: 'Attributes as DICOM JSON, with the URL of Pixel Data',
    tags: ['DICOMweb'],
    requestParams: { path: z.object(path) },
    responses: {
      '200': {
        description: 'One data set an object.',
        content: {
          'application/dicom+json': { schema: z.array(z.record(z.string(), z.unknown())) },
        },
      },
      ...problems(401, 403, 404, 406, 429, 503),
    },
  };
}
