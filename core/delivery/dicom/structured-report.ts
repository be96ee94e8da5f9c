import { empty, sequence, text } from '../../dicom/elements.js';
import type { DataElement } from '../../dicom/elements.js';
import { uidFromName } from '../../dicom/uid.js';
import type { ModelProvenance } from '../../results/outcome.js';
import type { StudyResult } from '../../results/study-result.js';
import { remarks } from '../remarks.js';
import * as codes from './codes.js';
import { dcm, sct, type Code } from './codes.js';
import { code, container, rootElements, words } from './content-tree.js';
import type { ContentItem, ImageReference } from './content-tree.js';
import {
  analysedImages,
  analysisStartMs,
  codingSchemes,
  deviceUid,
  encodeObject,
  evidenceItem,
  localDateTime,
  contentQualification,
  objectUid,
  seriesUid,
  type ResultObjectFile,
  type ResultObjectInput,
} from './result-object.js';
import { SENT_SOP_CLASSES } from './sent-sop-classes.js';
import type { SourceStudy } from './source-study.js';

/** Comprehensive SR is legal for the same tree: it has no 3D items. For archives that know no better. */
export const SR_SOP_CLASSES = {
  'comprehensive-3d-sr': SENT_SOP_CLASSES.comprehensive3DSR,
  'comprehensive-sr': SENT_SOP_CLASSES.comprehensiveSR,
} as const;

export type SrKind = keyof typeof SR_SOP_CLASSES;

/**
 * The result as a structured report: TID 1500 with one measurement group (TID 1501) for each finding,
 * made by a device, preliminary and unverified. It never says "Absent", and never a side.
 *
 * Sources: PS3.3 A.35.13, C.17; PS3.16 TID 1500, 1501, 1600, 4019; IHE AIR.
 */
export function buildStructuredReport(input: ResultObjectInput, kind: SrKind): ResultObjectFile {
  const { result, source } = input;
  const { date, time } = localDateTime(input, analysisStartMs(result));
  const SOPClassUID = SR_SOP_CLASSES[kind];
  return encodeObject(
    input,
    {
      kind: 'sr',
      SOPClassUID,
      Modality: 'SR',
      SeriesNumber: 9001,
      SeriesDescription: 'AI pre-read, investigational, not for diagnosis',
    },
    [
      codingSchemes(),
      text(0x00080023, 'DA', date),
      text(0x00080033, 'TM', time),
      empty(0x00081111, 'SQ'),
      contentQualification(),
      ...(source.requestItems.length === 0 ? [] : [sequence(0x0040a370, ...source.requestItems)]),
      ...predecessor(input, SOPClassUID),
      empty(0x0040a372, 'SQ'),
      sequence(0x0040a375, evidenceItem(result.StudyInstanceUID, evidenceImages(result))),
      text(0x0040a491, 'CS', result.analysed ? 'COMPLETE' : 'PARTIAL'),
      text(0x0040a493, 'CS', 'UNVERIFIED'),
      text(0x0040a496, 'CS', 'PRELIMINARY'),
      ...rootElements(dcm('126000', 'Imaging Measurement Report'), '1500', tree(input)),
    ],
  );
}

/** Every image that the tree refers to, and no other. */
function evidenceImages(result: StudyResult): StudyResult['instances'] {
  return result.analysed ? analysedImages(result) : result.instances;
}

function predecessor(
  { result, predecessorAssembledAt }: ResultObjectInput,
  SOPClassUID: string,
): DataElement[] {
  if (result.amends === undefined || predecessorAssembledAt === undefined) {
    return [];
  }
  const { StudyInstanceUID } = result;
  const SOPInstanceUID = objectUid('sr', {
    StudyInstanceUID,
    resultVersion: result.amends,
    assembledAt: predecessorAssembledAt,
  });
  const SeriesInstanceUID = seriesUid('sr', result);
  const item = evidenceItem(StudyInstanceUID, [{ SOPClassUID, SOPInstanceUID, SeriesInstanceUID }]);
  return [sequence(0x0040a360, item)];
}

function tree({ result, source }: ResultObjectInput): ContentItem[] {
  const [model] = result.models;
  return [
    code('HAS CONCEPT MOD', dcm('121049', 'Language of Content Item and Descendants'), {
      value: 'en',
      scheme: 'RFC5646',
      meaning: 'English',
    }),
    ...(model ? observer(model) : []),
    code('HAS CONCEPT MOD', dcm('121058', 'Procedure reported'), procedure(source)),
    imageLibrary(result, source),
    ...(model && result.findings.length > 0
      ? [
          container(
            dcm('126010', 'Imaging Measurements'),
            result.findings.map((finding) => measurementGroup(result, finding)),
          ),
        ]
      : []),
    qualitativeEvaluations(result),
  ];
}

/** TID 1002, 1004: the model is the observer, a new device with each of its versions. */
function observer(model: ModelProvenance): ContentItem[] {
  const context = (value: string, meaning: string, said: string): ContentItem =>
    words('HAS OBS CONTEXT', dcm(value, meaning), said);
  return [
    code('HAS OBS CONTEXT', dcm('121005', 'Observer Type'), dcm('121007', 'Device')),
    {
      relationship: 'HAS OBS CONTEXT',
      name: dcm('121012', 'Device Observer UID'),
      value: { type: 'UIDREF', uid: deviceUid(model) },
    },
    context('121013', 'Device Observer Name', model.name),
    context('121014', 'Device Observer Manufacturer', 'preread'),
    context('121015', 'Device Observer Model Name', `${model.name} ${model.version}`),
    context('121016', 'Device Observer Serial Number', model.sha256),
  ];
}

/** The procedure of the study as its header says it; else the one code that is surely right. */
function procedure({ procedureCode }: SourceStudy): Code {
  return procedureCode === undefined
    ? sct('363679005', 'Imaging procedure')
    : {
        value: procedureCode.CodeValue,
        scheme: procedureCode.CodingSchemeDesignator,
        meaning: procedureCode.CodeMeaning,
      };
}

/** TID 1600: the images that the report speaks of. */
function imageLibrary(result: StudyResult, { Modality }: SourceStudy): ContentItem {
  const modality = MODALITIES[Modality ?? ''];
  const images = evidenceImages(result).map((image): ContentItem => ({
    relationship: 'CONTAINS',
    value: { type: 'IMAGE', image },
    ...(modality && {
      children: [code('HAS ACQ CONTEXT', dcm('121139', 'Modality'), modality)],
    }),
  }));
  return container(dcm('111028', 'Image Library'), [
    container(dcm('126200', 'Image Library Group'), images),
  ]);
}

const MODALITIES: Readonly<Record<string, Code>> = {
  CR: dcm('CR', 'Computed Radiography'),
  DX: dcm('DX', 'Digital Radiography'),
};

/** TID 1501: what the model says of one finding, and in which image. */
function measurementGroup(
  result: StudyResult,
  finding: StudyResult['findings'][number],
): ContentItem {
  const image = result.instances.find(
    ({ SOPInstanceUID }) => SOPInstanceUID === finding.SOPInstanceUID,
  );
  const model = image?.outcome.kind === 'scored' ? image.outcome.model : result.models[0];
  const site = codes.findingSite(finding);
  return container(
    dcm('125007', 'Measurement Group'),
    [
      words('HAS OBS CONTEXT', dcm('112039', 'Tracking Identifier'), `preread ${finding.key}`),
      {
        relationship: 'HAS OBS CONTEXT',
        name: dcm('112040', 'Tracking Unique Identifier'),
        value: {
          type: 'UIDREF',
          // The same for all versions of the result: a finding is followed over them.
          uid: uidFromName('preread', 'tracking', result.StudyInstanceUID, finding.key),
        },
      },
      code('CONTAINS', dcm('121071', 'Finding'), codes.findingCode(finding)),
      ...(site ? [code('HAS CONCEPT MOD', sct('363698007', 'Finding Site'), site)] : []),
      ...(model ? algorithm(model, finding.threshold) : []),
      score(codes.CERTAINTY, finding.probability * 100, codes.PERCENT, image),
      ...(finding.calibratedProbability === undefined
        ? []
        : [score(codes.PROBABILITY, finding.calibratedProbability, codes.NO_UNITS, image)]),
      score(codes.OPERATING_POINT_SCORE, finding.operatingPointScore, codes.NO_UNITS, image),
      code(
        'CONTAINS',
        dcm('121052', 'Presence of property'),
        finding.flagged ? codes.PRESENT : codes.NOT_FLAGGED,
      ),
    ],
    '1501',
  );
}

/** TID 4019, in its order. */
function algorithm(model: ModelProvenance, threshold: number): ContentItem[] {
  const said = (value: string, meaning: string, what: string): ContentItem =>
    words('HAS CONCEPT MOD', dcm(value, meaning), what);
  return [
    said('111001', 'Algorithm Name', model.name),
    said('111003', 'Algorithm Version', model.version),
    said('122405', 'Algorithm Manufacturer', 'preread'),
    said('111002', 'Algorithm Parameters', `threshold=${threshold}`),
    said('111002', 'Algorithm Parameters', `operating point=${model.operatingPoint}`),
    said('111002', 'Algorithm Parameters', `preprocessing=${model.recipe}`),
    said('111002', 'Algorithm Parameters', `sha256=${model.sha256}`),
    code(
      'HAS CONCEPT MOD',
      dcm('111000', 'Algorithm Family'),
      dcm('123110', 'Artificial Intelligence'),
    ),
  ];
}

function score(
  name: Code,
  number: number,
  unit: Code,
  image: ImageReference | undefined,
): ContentItem {
  return {
    relationship: 'CONTAINS',
    name,
    value: { type: 'NUM', number, unit },
    children: image
      ? [
          {
            relationship: 'INFERRED FROM',
            name: dcm('121112', 'Source of Measurement'),
            value: { type: 'IMAGE', image },
          },
        ]
      : [],
  };
}

/** What became of the run as a whole, and the sentence that no reader may miss. */
function qualitativeEvaluations(result: StudyResult): ContentItem {
  return container({ value: 'C0034375', scheme: 'UMLS', meaning: 'Qualitative Evaluations' }, [
    code('CONTAINS', dcm('111017', 'CAD Processing and Findings Summary'), summary(result)),
    words('CONTAINS', dcm('121106', 'Comment'), result.disclaimer),
    ...remarks(result).map((remark) => words('CONTAINS', dcm('121106', 'Comment'), remark)),
  ]);
}

/** Source: PS3.16 CID 6047. */
function summary(result: StudyResult): Code {
  if (!result.analysed) {
    return dcm('111245', 'No algorithms succeeded; without findings');
  }
  const all = analysedImages(result).length === result.instances.length;
  const { flagged } = result.triage;
  if (all) {
    return flagged
      ? dcm('111242', 'All algorithms succeeded; with findings')
      : dcm('111241', 'All algorithms succeeded; without findings');
  }
  return flagged
    ? dcm('111244', 'Not all algorithms succeeded; with findings')
    : dcm('111243', 'Not all algorithms succeeded; without findings');
}
