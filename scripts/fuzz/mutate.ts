/** A small generator of pseudo-random numbers (mulberry32): the same seed gives the same case anywhere. */
export type Random = () => number;

export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Values that lengths, dimensions and markers break on. */
const INTERESTING = [
  0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
];

/** Changes that keep every length, so that the bytes behind them are still reached. */
const IN_PLACE = [flipBits, setBytes, writeInteresting, zeroFill, splice] as const;
const ANY = [...IN_PLACE, remove, duplicate, truncate] as const;

/**
 * One to six random changes of a file; `other` lends the bytes that are spliced in. Half of the cases only
 * have changes in place: others seldom get beyond the parser.
 */
export function mutate(bytes: Uint8Array, other: Uint8Array, random: Random): Buffer {
  let mutated: Buffer = Buffer.from(bytes);
  const mutations = random() < 0.5 ? IN_PLACE : ANY;
  const changes = 1 + Math.floor(random() * 6);
  for (let change = 0; change < changes && mutated.length > 0; change += 1) {
    // The index lies inside the array: random() is below 1.
    const mutation = mutations[Math.floor(random() * mutations.length)] ?? flipBits;
    mutated = mutation(mutated, random, other);
  }
  return mutated;
}

/** A quarter of all changes hit the first kilobytes, where headers stand; pixels are most of a file. */
function place(bytes: Buffer, random: Random): number {
  const span = random() < 0.25 ? Math.min(bytes.length, 4096) : bytes.length;
  return Math.floor(random() * span);
}

function flipBits(bytes: Buffer, random: Random): Buffer {
  const at = place(bytes, random);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
  return bytes;
}

function setBytes(bytes: Buffer, random: Random): Buffer {
  const at = place(bytes, random);
  const length = 1 + Math.floor(random() * 16);
  for (let index = at; index < Math.min(bytes.length, at + length); index += 1) {
    bytes[index] = Math.floor(random() * 256);
  }
  return bytes;
}

function writeInteresting(bytes: Buffer, random: Random): Buffer {
  const value = INTERESTING[Math.floor(random() * INTERESTING.length)] ?? 0;
  const size = [1, 2, 4][Math.floor(random() * 3)] ?? 1;
  const at = Math.min(place(bytes, random), bytes.length - size);
  if (at >= 0) {
    const wrapped = size === 4 ? value : value % 2 ** (8 * size);
    if (random() < 0.5) {
      bytes.writeUIntLE(wrapped, at, size);
    } else {
      bytes.writeUIntBE(wrapped, at, size);
    }
  }
  return bytes;
}

function remove(bytes: Buffer, random: Random): Buffer {
  const at = place(bytes, random);
  const length = 1 + Math.floor(random() * 64);
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
}

function duplicate(bytes: Buffer, random: Random): Buffer {
  const at = place(bytes, random);
  const part = bytes.subarray(at, at + 1 + Math.floor(random() * 64));
  return Buffer.concat([bytes.subarray(0, at), part, bytes.subarray(at)]);
}

function truncate(bytes: Buffer, random: Random): Buffer {
  return bytes.subarray(0, place(bytes, random));
}

function zeroFill(bytes: Buffer, random: Random): Buffer {
  const at = place(bytes, random);
  const length = random() < 0.3 ? bytes.length : 1 + Math.floor(random() * 256);
  return bytes.fill(0, at, Math.min(bytes.length, at + length));
}

function splice(bytes: Buffer, random: Random, other: Uint8Array): Buffer {
  const from = Math.floor(random() * other.length);
  const part = other.subarray(from, from + 1 + Math.floor(random() * 512));
  const at = place(bytes, random);
  return Buffer.concat([bytes.subarray(0, at), part, bytes.subarray(at + part.length)]);
}
