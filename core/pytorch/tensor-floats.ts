import { invalidCheckpoint } from './checkpoint-error.js';
import type { StorageDtype, TorchTensor } from './py-values.js';

/** The items of a tensor as float32, row-major: its view resolved, wider and narrower types converted. */
export function tensorFloats(tensor: TorchTensor, bytes: Uint8Array): Float32Array {
  const { storage, shape, strides, offset } = tensor;
  const item = itemReader(storage.dtype, bytes);
  const count = shape.reduce((product, size) => product * size, 1);
  const values = new Float32Array(count);
  const position = shape.map(() => 0);
  let at = offset;
  for (let index = 0; index < count; index += 1) {
    values[index] = item(at);
    // Counts on, the last axis first, as the digits of a number.
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      const stride = strides[axis] ?? 0;
      const next = (position[axis] ?? 0) + 1;
      if (next < (shape[axis] ?? 0)) {
        position[axis] = next;
        at += stride;
        break;
      }
      at -= stride * (next - 1);
      position[axis] = 0;
    }
  }
  return values;
}

function itemReader(dtype: StorageDtype, bytes: Uint8Array): (index: number) => number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (dtype) {
    case 'float32':
      return (index) => view.getFloat32(index * 4, true);
    case 'float64':
      return (index) => view.getFloat64(index * 8, true);
    case 'float16':
      return (index) => halfToNumber(view.getUint16(index * 2, true));
    case 'bfloat16': {
      const word = new DataView(new ArrayBuffer(4));
      return (index) => {
        word.setUint32(0, view.getUint16(index * 2, true) << 16);
        return word.getFloat32(0);
      };
    }
    case 'int64':
    case 'int32':
    case 'int16':
    case 'int8':
    case 'uint8':
    case 'bool':
      throw invalidCheckpoint(`a weight has the type ${dtype}`);
  }
}

/** IEEE 754 binary16. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) {
    return fraction === 0 ? sign * Infinity : NaN;
  }
  return exponent === 0
    ? sign * fraction * 2 ** -24
    : sign * (1024 + fraction) * 2 ** (exponent - 25);
}
