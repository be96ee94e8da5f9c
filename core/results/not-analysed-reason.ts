import type { ErrorCode } from '../errors.js';
import type { NotAnalysedReason } from './outcome.js';

/** Errors of one image that are its outcome. All others are failures of the system and are retried. */
const REASONS: Partial<Record<ErrorCode, NotAnalysedReason>> = {
  'dicom-unreadable': 'not-dicom',
  'dicom-truncated': 'pixel-data-corrupt',
  'attribute-missing': 'pixel-data-corrupt',
  'pixel-data-missing': 'pixel-data-missing',
  'pixel-data-corrupt': 'pixel-data-corrupt',
  'pixel-format-unsupported': 'pixel-format-unsupported',
  'transfer-syntax-unsupported': 'transfer-syntax-unsupported',
  'image-too-large': 'image-too-large',
  'file-unreadable': 'file-unreadable',
};

/** The outcome that an error means for the image it happened to; undefined for any other error. */
export function notAnalysedReasonOf(code: ErrorCode): NotAnalysedReason | undefined {
  return REASONS[code];
}
