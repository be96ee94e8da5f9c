import type { InspectionReport } from '../../adapters/dicom/inspect-image.js';

/** The report as lines for a terminal. Absent attributes are shown as such: they are what gates trip on. */
export function renderInspection(report: InspectionReport): string {
  const { prepared } = report;
  return [
    ...section('file', [
      ['format', report.format],
      ['bytes', String(report.fileBytes)],
    ]),
    ...headerSection(report),
    ...pixelSection(report),
    ...chainSection(report),
    ...rulesSection(report),
    ...section(
      'gates',
      prepared.gates.map(({ gate, verdict, detail }) => [
        gate,
        detail === undefined ? verdict : `${verdict}: ${detail}`,
      ]),
    ),
    ...section('outcome', outcome(report)),
    '',
  ].join('\n');
}

function headerSection({ header }: InspectionReport): string[] {
  if (header === undefined) {
    return [];
  }
  const { view, bodyPart } = header;
  const mirrored = view.mirrored ? ', mirrored' : '';
  return section('header', [
    ['SOP Class', header.sopClass],
    ['Transfer Syntax', header.transferSyntax],
    ['Modality', text(header.Modality)],
    ['BodyPartExamined', `${text(header.BodyPartExamined)} -> ${bodyPart}`],
    ['ViewPosition', text(header.ViewPosition)],
    ['ViewCodes', list(header.ViewCodes)],
    ['PatientOrientation', list(header.PatientOrientation)],
    ['view', `${view.view} (by ${view.source ?? 'nothing'}${mirrored})`],
    ['ImageType', list(header.ImageType)],
    ['PresentationIntentType', text(header.PresentationIntentType)],
    ['age in years', header.ageYears === undefined ? '(none)' : header.ageYears.toFixed(1)],
  ]);
}

function pixelSection({ pixels }: InspectionReport): string[] {
  if (pixels === undefined) {
    return [];
  }
  const { Columns, Rows, BitsAllocated, BitsStored, HighBit } = pixels;
  return section('pixels', [
    ['Columns x Rows', `${Columns} x ${Rows}, frames ${pixels.NumberOfFrames}`],
    ['PhotometricInterpretation', pixels.PhotometricInterpretation],
    ['SamplesPerPixel', String(pixels.SamplesPerPixel)],
    ['bits', `${BitsStored} stored of ${BitsAllocated}, high bit ${HighBit}`],
    ['PresentationLUTShape', text(pixels.PresentationLUTShape)],
    ['pixel aspect ratio', pixels.pixelAspectRatio.toFixed(3)],
  ]);
}

function chainSection({ chain }: InspectionReport): string[] {
  if (chain === undefined) {
    return [];
  }
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return section('greyscale chain', [
    ...chain.steps.map(({ step, applied, min, max, mean }): [string, string] => [
      step,
      `${number(min)} to ${number(max)}, mean ${number(mean)}  (${applied})`,
    ]),
    ['padding, black, white', [chain.padding, chain.black, chain.white].map(percent).join(', ')],
  ]);
}

/** Parts of a condition are indented; values of the object are never shown. */
function rulesSection({ rules }: InspectionReport): string[] {
  if (rules === undefined) {
    return [];
  }
  return section(
    'rules of the site',
    rules.flatMap(({ name, action, priority, site, because, outcome: result, why }) => [
      [
        name,
        result === 'matched'
          ? `matched: ${[action, priority ?? site].filter(Boolean).join(' ')}, ${because}`
          : result.replace('-', ' '),
      ],
      ...why.map(({ depth, text: what, holds }) => [
        '',
        `${holds ? 'yes' : 'no '}  ${'  '.repeat(depth)}${what}`,
      ]),
    ]),
  );
}

function outcome({ prepared, problem }: InspectionReport): [string, string][] {
  const lines: [string, string][] = [];
  if (prepared.kind === 'ready') {
    const { tensor } = prepared;
    const low = tensor.reduce((least, value) => Math.min(least, value), Infinity);
    const high = tensor.reduce((most, value) => Math.max(most, value), -Infinity);
    lines.push(['analysed', `${tensor.length} values, ${number(low)} to ${number(high)}`]);
  } else {
    lines.push(['not analysed', `${prepared.reason}: ${prepared.detail}`]);
  }
  if (problem !== undefined) {
    lines.push(['stopped at', `${problem.code}: ${problem.detail}`]);
  }
  return lines;
}

function section(title: string, lines: readonly (readonly string[])[]): string[] {
  return ['', title, ...lines.map(([name = '', value = '']) => `  ${name.padEnd(26)}${value}`)];
}

function text(value: string | undefined): string {
  return value ?? '(none)';
}

function list(values: readonly string[]): string {
  return values.length === 0 ? '(none)' : values.join(' \\ ');
}

function number(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(4);
}
