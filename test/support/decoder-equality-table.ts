import type { Comparison } from './decoder-equality.js';
import type { PeerDecoderName } from './peer-decoders.js';

export interface EqualityRow {
  readonly set: 'real files' | 'generated';
  readonly comparison: Comparison;
}

const PEER_TITLES: readonly (readonly [PeerDecoderName, string])[] = [
  ['dcmtk', 'DCMTK'],
  ['gdcm', 'GDCM'],
  ['openjpeg', 'OpenJPEG'],
];

const HEADER = `# Decoded pixels against other decoders

Written by \`test/integration/decoder-equality.test.ts\`; do not edit.

Every image was decoded by preread and by the peers that know its transfer syntax, and compared pixel by
pixel after masking and sign extension (colour by its luminance). \`n\` means: equal in all n images. Real
files are NEMA, NIH, RSNA and library test images; the generated matrix is 8, 10, 12, 15 and 16 bits, signed
and unsigned, MONOCHROME1 and MONOCHROME2, by every encoder of DCMTK, GDCM, OpenJPEG and OpenJPH. Images
that went through a lossless encoder equal their source as well.
`;

/** The document: one line for each transfer syntax, then the exceptions. */
export function renderEqualityTable(
  rows: readonly EqualityRow[],
  exceptions: readonly { readonly reason: string }[],
): string {
  const titles = ['Transfer syntax', 'Bits stored', 'Real', 'Generated'];
  const lines = [[...titles, ...PEER_TITLES.map(([, title]) => title)]];
  const syntaxes = [...new Set(rows.map(({ comparison }) => comparison.syntax))].sort();
  for (const syntax of syntaxes) {
    const ofSyntax = rows.filter(({ comparison }) => comparison.syntax === syntax);
    const decoded = ofSyntax.filter(({ comparison }) => comparison.refusal === undefined);
    const bits = new Set(decoded.map(({ comparison }) => comparison.header?.BitsStored ?? 0));
    lines.push([
      syntax,
      [...bits].sort((a, b) => a - b).join(', '),
      String(decoded.filter(({ set }) => set === 'real files').length),
      String(decoded.filter(({ set }) => set === 'generated').length),
      ...PEER_TITLES.map(([name]) => cell(decoded, name)),
    ]);
  }
  const [head = [], ...body] = lines.map((cells) => `| ${cells.join(' | ')} |`);
  const rule = `|${'---|'.repeat(titles.length + PEER_TITLES.length)}`;
  const notes = exceptions.map(({ reason }) => `- ${reason}`);
  return [
    HEADER,
    String(head),
    rule,
    ...body,
    '',
    'Differences that are not ours, or are the nature of the case:',
    '',
    ...notes,
    '',
  ].join('\n');
}

function cell(rows: readonly EqualityRow[], name: PeerDecoderName): string {
  const verdicts = rows.flatMap(({ comparison }) => comparison.peers[name] ?? []);
  const compared = verdicts.filter((verdict) => verdict.kind === 'compared');
  const refused = verdicts.length - compared.length;
  const different = compared.filter(({ largest }) => largest > 0);
  const parts: string[] = [];
  if (compared.length > different.length) {
    parts.push(String(compared.length - different.length));
  }
  if (different.length > 0) {
    const largest = Math.max(...different.map((verdict) => verdict.largest));
    parts.push(`${different.length} within ${largest}`);
  }
  if (refused > 0) {
    parts.push(`${refused} refused by the peer`);
  }
  return parts.join(', ') || '-';
}
