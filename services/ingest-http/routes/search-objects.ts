import type { Request, RequestHandler } from 'express';

import type { DicomJson } from '../../../adapters/dicom/dicom-json.js';
import { readDicomJson } from '../../../adapters/dicom/read-source-study.js';
import { matchesKey } from '../../../core/dicom/match-attributes.js';
import { PipelineError } from '../../../core/errors.js';
import type { StudyStore } from '../../../core/storage/study-store.js';
import { keptImages, listObjects, madeObjects } from '../dicomweb/held-objects.js';
import type { HeldObject, HeldObjectsDeps } from '../dicomweb/held-objects.js';
import { acceptedJsonType, sendDicomJson } from '../http/dicom-json.js';
import type { AddResource } from '../http/resource.js';

export interface SearchDeps extends HeldObjectsDeps {
  readonly studies: Pick<StudyStore, 'findStudy' | 'listStudies'>;
}

/** Studies are looked through from the newest on, and no further than this: their headers are read from disk. */
export const MAX_SEARCHED_STUDIES = 1_000;
const MAX_RESULTS = 500;
const STUDY_INSTANCE_UID = '0020000D';
const MODALITIES_IN_STUDY = '00080061';
const DEFAULT_RESULTS = 100;
const BATCH = 100;

/** Attributes of an answer, in this order; each is also a matching key. */
export const STUDY_KEYS: Readonly<Record<string, readonly [tag: string, vr: string]>> = {
  StudyDate: ['00080020', 'DA'],
  StudyTime: ['00080030', 'TM'],
  AccessionNumber: ['00080050', 'SH'],
  ModalitiesInStudy: [MODALITIES_IN_STUDY, 'CS'],
  ReferringPhysicianName: ['00080090', 'PN'],
  StudyDescription: ['00081030', 'LO'],
  PatientName: ['00100010', 'PN'],
  PatientID: ['00100020', 'LO'],
  PatientBirthDate: ['00100030', 'DA'],
  PatientSex: ['00100040', 'CS'],
  StudyInstanceUID: [STUDY_INSTANCE_UID, 'UI'],
  StudyID: ['00200010', 'SH'],
};
export const SERIES_KEYS: typeof STUDY_KEYS = {
  Modality: ['00080060', 'CS'],
  SeriesDescription: ['0008103E', 'LO'],
  SeriesInstanceUID: ['0020000E', 'UI'],
  SeriesNumber: ['00200011', 'IS'],
};
export const INSTANCE_KEYS: typeof STUDY_KEYS = {
  SOPClassUID: ['00080016', 'UI'],
  SOPInstanceUID: ['00080018', 'UI'],
  InstanceNumber: ['00200013', 'IS'],
  Rows: ['00280010', 'US'],
  Columns: ['00280011', 'US'],
  NumberOfFrames: ['00280008', 'IS'],
};

interface Query {
  readonly keys: readonly (readonly [tag: string, vr: string, key: string])[];
  readonly limit: number;
  readonly offset: number;
}

/** QIDO-RS (PS3.18 10.6): studies, the series of a study, the instances of a series. */
export function searchStudies(deps: SearchDeps): RequestHandler {
  return async (request, response) => {
    const { keys, limit, offset } = parseQuery(request, STUDY_KEYS);
    const type = acceptedJsonType(request);
    const found: DicomJson[] = [];
    let searched = 0;
    for await (const StudyInstanceUID of candidates(deps.studies, keys)) {
      if (searched >= MAX_SEARCHED_STUDIES) {
        response.set(
          'Warning',
          '299 preread "There may be more: only the newest studies were searched."',
        );
        break;
      }
      searched += 1;
      const summary = await summaryOf(deps, StudyInstanceUID, keys);
      if (summary !== undefined) {
        found.push(summary);
      }
      if (found.length >= offset + limit) {
        break;
      }
    }
    sendDicomJson(response, type, found.slice(offset, offset + limit));
  };
}

/** The studies that a query names, else all of them from the newest on. */
async function* candidates(
  studies: SearchDeps['studies'],
  keys: Query['keys'],
): AsyncGenerator<string> {
  const named = keys.find(([tag]) => tag === STUDY_INSTANCE_UID)?.[2];
  if (named !== undefined && named !== '' && named !== '*') {
    yield* new Set(named.split(/[\\,]/));
    return;
  }
  for (let cursor: string | undefined; ;) {
    const page = await studies.listStudies({
      limit: BATCH,
      ...(cursor !== undefined && { cursor }),
    });
    yield* page.studies.map(({ StudyInstanceUID }) => StudyInstanceUID);
    if (page.nextCursor === undefined) {
      return;
    }
    cursor = page.nextCursor;
  }
}

/**
 * A study as a list of studies shows it; undefined when it does not match or nothing of it is stored. What its result
 * makes has the attributes of its images, so it is made for those alone that match.
 */
async function summaryOf(
  deps: SearchDeps,
  StudyInstanceUID: string,
  keys: Query['keys'],
): Promise<DicomJson | undefined> {
  const study = await deps.studies.findStudy(StudyInstanceUID);
  const images = await readHeaders(
    deps,
    study === undefined ? [] : keptImages(deps, study.instances),
  );
  const withoutModality = keys.filter(([tag]) => tag !== MODALITIES_IN_STUDY);
  if (images.length === 0 || !matches(summarise(images), withoutModality)) {
    return undefined;
  }
  const made =
    study?.latestResult === undefined
      ? []
      : await madeObjects(deps, study.study.studyId, study.latestResult);
  const summary = summarise([...images, ...(await readHeaders(deps, made))]);
  return matches(summary, keys) ? summary : undefined;
}

export function addSearchRoutes(add: AddResource, deps: SearchDeps): void {
  const below = '/dicom-web/studies/:StudyInstanceUID/series';
  add(below, { get: { scope: 'read', handle: searchBelow(deps, SERIES_KEYS) } });
  add(`${below}/:SeriesInstanceUID/instances`, {
    get: { scope: 'read', handle: searchBelow(deps, INSTANCE_KEYS) },
  });
}

function searchBelow(deps: SearchDeps, own: typeof STUDY_KEYS): RequestHandler {
  return async (request, response) => {
    const { keys, limit, offset } = parseQuery(request, own);
    const type = acceptedJsonType(request);
    const headers = await readHeaders(deps, await listObjects(deps, request.params));
    const groups =
      own === INSTANCE_KEYS ? headers.map((header) => [header]) : Object.values(bySeries(headers));
    const found = groups.map((group) => ({
      ...pick(group[0] ?? {}, { ...own, StudyInstanceUID: [STUDY_INSTANCE_UID, 'UI'] }),
      ...(own === SERIES_KEYS && { '00201209': { vr: 'IS', Value: [group.length] } }),
      ...(own === INSTANCE_KEYS && pick(group[0] ?? {}, SERIES_KEYS)),
    }));
    sendDicomJson(
      response,
      type,
      found.filter((one) => matches(one, keys)).slice(offset, offset + limit),
    );
  };
}

function parseQuery(request: Request, known: typeof STUDY_KEYS): Query {
  const keys: [string, string, string][] = [];
  const numbers = { limit: DEFAULT_RESULTS, offset: 0 };
  for (const [name, value] of Object.entries(request.query)) {
    const attribute =
      (Object.hasOwn(known, name) ? known[name] : undefined) ??
      Object.values(known).find(([tag]) => tag === name.toUpperCase());
    if (name === 'includefield' || name === 'fuzzymatching') {
      continue;
    }
    if (typeof value !== 'string') {
      throw new PipelineError('request-invalid', 'A query parameter stands there twice.');
    }
    if (name === 'limit' || name === 'offset') {
      if (!/^\d{1,6}$/.test(value)) {
        throw new PipelineError('request-invalid', `${name} is no number.`);
      }
      numbers[name] = Number(value);
    } else if (attribute === undefined) {
      const names = Object.keys(known).join(', ');
      throw new PipelineError('request-invalid', `The keys are limit, offset, ${names}.`);
    } else {
      keys.push([...attribute, value]);
    }
  }
  return { keys, offset: numbers.offset, limit: Math.min(numbers.limit, MAX_RESULTS) };
}

function summarise(headers: readonly DicomJson[]): DicomJson {
  const modalities = headers.flatMap((header) => header['00080060']?.Value ?? []);
  return {
    ...pick(headers[0] ?? {}, STUDY_KEYS),
    [MODALITIES_IN_STUDY]: { vr: 'CS', Value: [...new Set(modalities)] },
    '00201206': { vr: 'IS', Value: [Object.keys(bySeries(headers)).length] },
    '00201208': { vr: 'IS', Value: [headers.length] },
  };
}

/** One file after the other. */
async function readHeaders(
  deps: Pick<SearchDeps, 'objects'>,
  objects: readonly HeldObject[],
): Promise<DicomJson[]> {
  const headers: DicomJson[] = [];
  for (const { header } of objects) {
    headers.push(await deps.objects.guarded(() => readDicomJson(header)));
  }
  return headers;
}

function bySeries(headers: readonly DicomJson[]): Readonly<Record<string, DicomJson[]>> {
  const groups: Record<string, DicomJson[]> = {};
  for (const header of headers) {
    (groups[String(header['0020000E']?.Value?.[0])] ??= []).push(header);
  }
  return groups;
}

/** An attribute that is asked for and unknown comes back empty. Source: PS3.18 10.6.3.3. */
function pick(header: DicomJson, keys: typeof STUDY_KEYS): DicomJson {
  return Object.fromEntries(Object.values(keys).map(([tag, vr]) => [tag, header[tag] ?? { vr }]));
}

function matches(attributes: DicomJson, keys: Query['keys']): boolean {
  return keys.every(([tag, vr, key]) => matchesKey(attributes[tag], vr, key));
}
