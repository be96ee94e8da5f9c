import type { LookupTable, PixelHeader } from '../dicom/instance-header.js';

/**
 * Stored value to the output of the Modality LUT: the table of Modality LUT Sequence or rescale, never
 * both. Units: RescaleType or ModalityLUTType, else unspecified. Source: PS3.3 C.11.1.
 */
export function modalityOf(header: PixelHeader): (stored: number) => number {
  const { modalityLut, RescaleSlope, RescaleIntercept } = header;
  return modalityLut === undefined
    ? (stored) => stored * RescaleSlope + RescaleIntercept
    : (stored) => lookUp(modalityLut, stored);
}

/** Inputs below the first mapped value take the first entry, above the last one the last. C.11.1.1.1. */
export function lookUp(table: LookupTable, input: number): number {
  const index = Math.round(input) - table.firstMapped;
  // Clamped to the table, which is never empty.
  return table.entries[Math.min(Math.max(index, 0), table.entries.length - 1)]!;
}
