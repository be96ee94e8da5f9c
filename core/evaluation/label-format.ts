import { PipelineError } from '../errors.js';
import { ageBand, sexOf, viewOf } from './demographics.js';
import { findingName, squeeze } from './finding-names.js';
import { labelOf, UNKNOWN, type LabelPolicies } from './label-values.js';

export const LABEL_FORMATS = ['nih', 'chexpert', 'mimic', 'tidy'] as const;
export type LabelFormatName = (typeof LABEL_FORMATS)[number];

/** How a label finds its scores: by the file's name, by SOPInstanceUID, or by the study in the path. */
export type JoinKind = 'file' | 'instance' | 'study';

export interface LabelledImage {
  /** What the image is joined by. */
  readonly image: string;
  /** Undefined when the file does not say. */
  readonly patient: string | undefined;
  /** Shape: [findings] in the order asked for; 1, 0, or UNKNOWN. */
  readonly labels: Int8Array;
  /** Shape: [subgroups], '' where unknown. */
  readonly groups: readonly string[];
}

export interface LabelFormat {
  readonly name: LabelFormatName;
  readonly join: JoinKind;
  readonly patientColumn: string | undefined;
  /** Which of the findings asked for have labels. */
  readonly labelled: readonly boolean[];
  readonly subgroups: readonly string[];
  /** Throws `request-invalid`, naming the column. */
  read(fields: readonly string[]): LabelledImage;
}

export interface LabelOptions {
  readonly format?: LabelFormatName | undefined;
  readonly imageColumn?: string | undefined;
  readonly patientColumn?: string | undefined;
  /** Columns to split by, beside sex, age and view where they are recognised. */
  readonly subgroups: readonly string[];
  readonly policies: LabelPolicies;
  /** Keys of the model's findings that have scores. */
  readonly findings: readonly string[];
}

const IMAGE_COLUMNS: Readonly<Record<LabelFormatName, readonly string[]>> = {
  nih: ['imageindex'],
  chexpert: ['path'],
  mimic: ['dicomid', 'studyid'],
  tidy: [
    'image',
    'imageindex',
    'imageid',
    'filename',
    'file',
    'path',
    'dicomid',
    'sopinstanceuid',
    'studyinstanceuid',
  ],
};
const PATIENT_COLUMNS = ['patient', 'patientid', 'subjectid', 'subject'];
const SUBGROUP_COLUMNS: readonly {
  readonly name: string;
  readonly columns: readonly string[];
  readonly value: (text: string) => string;
}[] = [
  { name: 'sex', columns: ['sex', 'gender', 'patientsex', 'patientgender'], value: sexOf },
  { name: 'age', columns: ['age', 'patientage', 'ageyears'], value: ageBand },
  { name: 'view', columns: ['view', 'viewposition', 'appa', 'projection'], value: viewOf },
];

/**
 * How to read the rows under a header: NIH ChestX-ray14, CheXpert, MIMIC-CXR, or one column a finding.
 * Throws `request-invalid` when the header lacks what is needed.
 */
export function labelFormatOf(header: readonly string[], options: LabelOptions): LabelFormat {
  const columns = header.map(squeeze);
  const name = options.format ?? recognise(columns);
  const imageAt = requireColumn(header, columns, options.imageColumn, IMAGE_COLUMNS[name]);
  const patientAt = findColumn(header, columns, options.patientColumn, PATIENT_COLUMNS);
  const join = joinKind(columns[imageAt] ?? '');
  const readLabels = labelReader(name, header, columns, options);
  const groups = subgroupReaders(header, columns, options.subgroups);
  return {
    name,
    join,
    patientColumn: patientAt >= 0 ? header[patientAt] : name === 'chexpert' ? 'Path' : undefined,
    labelled: readLabels.labelled,
    subgroups: groups.map((group) => group.name),
    read(fields) {
      const image = (fields[imageAt] ?? '').trim();
      return {
        image,
        patient:
          (patientAt >= 0 ? fields[patientAt]?.trim() : /patient\d+/.exec(image)?.[0]) || undefined,
        labels: readLabels.read(fields),
        groups: groups.map(({ at, value }) => value(fields[at] ?? '')),
      };
    },
  };
}

function recognise(columns: readonly string[]): LabelFormatName {
  if (columns.includes('imageindex') && columns.includes('findinglabels')) {
    return 'nih';
  }
  if (columns.includes('path') && columns.includes('frontallateral')) {
    return 'chexpert';
  }
  if (columns.includes('subjectid') && columns.includes('studyid')) {
    return 'mimic';
  }
  return 'tidy';
}

function joinKind(column: string): JoinKind {
  if (column === 'sopinstanceuid') {
    return 'instance';
  }
  return column === 'studyid' || column === 'studyinstanceuid' ? 'study' : 'file';
}

interface LabelReader {
  readonly labelled: readonly boolean[];
  read(fields: readonly string[]): Int8Array;
}

function labelReader(
  name: LabelFormatName,
  header: readonly string[],
  columns: readonly string[],
  { findings, policies }: LabelOptions,
): LabelReader {
  const wanted = findings.map(findingName);
  if (name === 'nih') {
    return nihReader(columns.indexOf('findinglabels'), wanted);
  }
  const named = header.map(findingName);
  const at = wanted.map((finding) => named.indexOf(finding));
  if (at.every((index) => index < 0)) {
    throw new PipelineError(
      'request-invalid',
      `The label file has no column for any of ${findings.join(', ')}.`,
    );
  }
  return {
    labelled: at.map((index) => index >= 0),
    read: (fields) =>
      Int8Array.from(at, (index) => {
        const label = index < 0 ? UNKNOWN : labelOf(fields[index] ?? '', policies);
        if (label === undefined) {
          throw new PipelineError(
            'request-invalid',
            `the column ${header[index] ?? ''} holds something else than 1, 0, -1 or nothing`,
          );
        }
        return label;
      }),
  };
}

/** The 14 findings of ChestX-ray14: what is not among an image's labels is negative. */
const NIH_FINDINGS = new Set(
  (
    'atelectasis cardiomegaly effusion infiltration mass nodule pneumonia pneumothorax ' +
    'consolidation edema emphysema fibrosis pleuralthickening hernia'
  ).split(' '),
);

function nihReader(at: number, wanted: readonly string[]): LabelReader {
  const labelled = wanted.map((finding) => NIH_FINDINGS.has(finding));
  return {
    labelled,
    read(fields) {
      const present = new Set((fields[at] ?? '').split('|').map(findingName));
      for (const finding of present) {
        if (!NIH_FINDINGS.has(finding) && finding !== 'nofinding') {
          throw new PipelineError(
            'request-invalid',
            'the column Finding Labels holds something that is no label of ChestX-ray14',
          );
        }
      }
      return Int8Array.from(wanted, (finding, index) =>
        labelled[index] === true ? Number(present.has(finding)) : UNKNOWN,
      );
    },
  };
}

function subgroupReaders(
  header: readonly string[],
  columns: readonly string[],
  asked: readonly string[],
) {
  const recognised = SUBGROUP_COLUMNS.flatMap(({ name, columns: names, value }) => {
    const at = columns.findIndex((column) => names.includes(column));
    return at < 0 ? [] : [{ name, at, value }];
  });
  const more = asked.flatMap((column) => {
    const at = requireColumn(header, columns, column, []);
    const known = recognised.some((group) => group.at === at);
    return known ? [] : [{ name: column, at, value: (text: string) => text.trim() }];
  });
  return [...recognised, ...more];
}

/** -1 when there is none; a name that was given and is not there is an error. */
function findColumn(
  header: readonly string[],
  columns: readonly string[],
  given: string | undefined,
  names: readonly string[],
): number {
  if (given !== undefined) {
    return requireColumn(header, columns, given, names);
  }
  // In the order of the names: the first is the best.
  const found = names.find((name) => columns.includes(name));
  return found === undefined ? -1 : columns.indexOf(found);
}

function requireColumn(
  header: readonly string[],
  columns: readonly string[],
  given: string | undefined,
  names: readonly string[],
): number {
  const at =
    given === undefined
      ? findColumn(header, columns, undefined, names)
      : header.findIndex((column) => column.trim() === given.trim());
  if (at < 0) {
    throw new PipelineError(
      'request-invalid',
      given === undefined
        ? 'The label file has no column that names the image: say which with --image-column.'
        : `The label file has no column "${given}". It has: ${header.join(', ')}.`,
    );
  }
  return at;
}
