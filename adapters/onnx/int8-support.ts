import { readFileSync } from 'node:fs';

/**
 * Whether this processor has instructions that add up products of 8-bit integers in 32 bits (VNNI, dot
 * product). Without them the runtime's int8 kernels are hardly faster than fp32, and on AVX2 their sums of
 * 16 bits overflow: onnxruntime's documentation calls it the saturation issue.
 */
export function hasFastInt8(): boolean {
  if (process.platform === 'darwin') {
    return process.arch === 'arm64';
  }
  try {
    return flagsHaveFastInt8(readFileSync('/proc/cpuinfo', 'latin1'));
  } catch {
    return false;
  }
}

/** The same for the text of Linux's /proc/cpuinfo. */
export function flagsHaveFastInt8(cpuInfo: string): boolean {
  return /^(flags|Features)\s*:.*\b(avx512_vnni|avx_vnni|asimddp)\b/m.test(cpuInfo);
}
