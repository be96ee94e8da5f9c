import { empty, sequence, text } from '../../dicom/elements.js';
import type { StudyResult } from '../../results/study-result.js';
import { dcm } from './codes.js';
import { code, rootElements, words } from './content-tree.js';
import type { ContentItem } from './content-tree.js';
import {
  analysisStartMs,
  deviceUid,
  encodeObject,
  evidenceItem,
  flaggedImages,
  localDateTime,
  type ResultObjectFile,
  type ResultObjectInput,
} from './result-object.js';
import { SENT_SOP_CLASSES } from './sent-sop-classes.js';

/**
 * A Key Object Selection that marks the images in which something is flagged; undefined when nothing is.
 * Sources: PS3.3 A.35.4, C.17.6; PS3.16 TID 2010.
 */
export function buildKeyObject(input: ResultObjectInput): ResultObjectFile | undefined {
  const { result, source } = input;
  const flagged = flaggedImages(result);
  if (flagged.length === 0) {
    return undefined;
  }
  const { date, time } = localDateTime(input, analysisStartMs(result));
  return encodeObject(
    input,
    {
      kind: 'kos',
      SOPClassUID: SENT_SOP_CLASSES.keyObjectSelectionDocument,
      Modality: 'KO',
      SeriesNumber: 9003,
      SeriesDescription: 'AI pre-read: flagged images, not for diagnosis',
    },
    [
      text(0x00080023, 'DA', date),
      text(0x00080033, 'TM', time),
      empty(0x00081111, 'SQ'),
      ...(source.requestItems.length === 0 ? [] : [sequence(0x0040a370, ...source.requestItems)]),
      sequence(0x0040a375, evidenceItem(result.StudyInstanceUID, flagged)),
      ...rootElements(dcm('113000', 'Of Interest'), '2010', tree(result, flagged)),
    ],
  );
}

function tree(result: StudyResult, flagged: StudyResult['instances']): ContentItem[] {
  const [model] = result.models;
  const names = result.findings
    .filter((finding) => finding.flagged)
    .map(({ display }) => display.en);
  return [
    code('HAS CONCEPT MOD', dcm('121049', 'Language of Content Item and Descendants'), {
      value: 'en',
      scheme: 'RFC5646',
      meaning: 'English',
    }),
    ...(model
      ? [
          code('HAS OBS CONTEXT', dcm('121005', 'Observer Type'), dcm('121007', 'Device')),
          {
            relationship: 'HAS OBS CONTEXT' as const,
            name: dcm('121012', 'Device Observer UID'),
            value: { type: 'UIDREF' as const, uid: deviceUid(model) },
          },
        ]
      : []),
    words(
      'CONTAINS',
      dcm('113012', 'Key Object Description'),
      `Flagged by an AI pre-read: ${names.join(', ')}. ${result.disclaimer}`,
    ),
    ...flagged.map((image): ContentItem => ({
      relationship: 'CONTAINS',
      value: { type: 'IMAGE', image },
    })),
  ];
}
