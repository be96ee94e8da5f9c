import type { DataSet } from 'dicom-parser';

import type { LookupTable } from '../../core/dicom/instance-header.js';
import { PipelineError } from '../../core/errors.js';
import { luminance } from '../../core/imaging/luminance.js';
import { readLookupTable } from './lookup-table.js';

/**
 * The three palette tables as one table of luminance. Source: PS3.3 C.7.6.3.1.5 and .6. Segmented
 * palettes are not decoded: they occur in ultrasound.
 */
export function readPaletteLuminance(dataSet: DataSet): LookupTable {
  const red = readLookupTable(
    dataSet,
    'RedPaletteColorLookupTableDescriptor',
    'RedPaletteColorLookupTableData',
    false,
  );
  const green = readLookupTable(
    dataSet,
    'GreenPaletteColorLookupTableDescriptor',
    'GreenPaletteColorLookupTableData',
    false,
  );
  const blue = readLookupTable(
    dataSet,
    'BluePaletteColorLookupTableDescriptor',
    'BluePaletteColorLookupTableData',
    false,
  );
  if (red === undefined || green === undefined || blue === undefined) {
    throw new PipelineError('pixel-format-unsupported', 'The colour palette is not supported.');
  }
  const entries = red.entries.map((value, index) =>
    luminance(value, green.entries[index] ?? 0, blue.entries[index] ?? 0),
  );
  return { firstMapped: red.firstMapped, bits: red.bits, entries };
}
