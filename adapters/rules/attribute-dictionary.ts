import dcmjs from 'dcmjs';

import type { AttributeStep } from '../../core/rules/condition.js';

const TAG = /^\(?([0-9a-f]{4}),?([0-9a-f]{4})\)?$/i;
const TRANSFER_SYNTAX_TAG = '00020010';

/**
 * An attribute by its PS3.6 keyword, or by its tag as `(0018,0015)` or `00180015`. Of the File Meta
 * Information only Transfer Syntax UID; Pixel Data and what stands behind it is not read for rules.
 */
export function findAttribute(name: string): AttributeStep | undefined {
  const { nameMap, dictionary } = dcmjs.data.DicomMetaDictionary;
  const parts = TAG.exec(name);
  const written = parts === null ? nameMap[name]?.tag : `(${parts[1]},${parts[2]})`.toUpperCase();
  if (written === undefined) {
    return undefined;
  }
  const tag = written.replace(/[(),]/g, '').toUpperCase();
  if (
    !/^[0-9A-F]{8}$/.test(tag) ||
    (tag < '00080000' && tag !== TRANSFER_SYNTAX_TAG) ||
    tag >= '7FE00000'
  ) {
    return undefined;
  }
  const vr = dictionary[written]?.vr;
  // `ox` and `US or SS` are decided by other attributes; explicit VR says which.
  return { tag, vr: vr !== undefined && /^[A-Z]{2}$/.test(vr) ? vr : undefined };
}
