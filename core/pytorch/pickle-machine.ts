import type { ByteReader } from './byte-reader.js';
import { invalidCheckpoint } from './checkpoint-error.js';
import { PyDict, PyList, PyTuple, type PyGlobal, type PyValue } from './py-values.js';

const MAX_STACK = 1_000_000;
/** Longest text. Old checkpoints carry the source code of their classes. */
const MAX_TEXT_BYTES = 1 << 20;
/** Longest integer, in bytes; the longest one that PyTorch writes is its magic number of 10. */
const MAX_INTEGER_BYTES = 16;

/** What the pickle may refer to. Everything here builds data; nothing runs code from the file. */
export interface PickleHost {
  /** Throws for a name that is not on the list. */
  global(module: string, name: string): PyGlobal;
  /** REDUCE: the few functions that rebuild tensors and dictionaries. */
  call(callable: PyGlobal, args: readonly PyValue[]): PyValue;
  /** NEWOBJ: an empty instance. */
  instantiate(type: PyGlobal, args: readonly PyValue[]): PyValue;
  /** BUILD: state into an instance. */
  build(instance: PyValue, state: PyValue): void;
  /** BINPERSID: what the container holds outside of the pickle. */
  persistent(id: PyValue): PyValue;
}

/** Stack, marks and memo of a pickle that is being read; every step is checked and bounded. */
export class PickleMachine {
  private readonly stack: PyValue[] = [];
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, PyValue>();

  readonly reader: ByteReader;
  readonly host: PickleHost;

  constructor(reader: ByteReader, host: PickleHost) {
    this.reader = reader;
    this.host = host;
  }

  push(value: PyValue): void {
    if (this.stack.length >= MAX_STACK) {
      throw invalidCheckpoint('its pickle is nested too deeply');
    }
    this.stack.push(value);
  }

  pop(): PyValue {
    if (this.stack.length <= (this.marks.at(-1) ?? 0)) {
      throw invalidCheckpoint('its pickle takes more than it has put');
    }
    // Checked just above.
    return this.stack.pop() as PyValue;
  }

  top(): PyValue {
    const value = this.pop();
    this.stack.push(value);
    return value;
  }

  mark(): void {
    if (this.marks.length >= MAX_STACK) {
      throw invalidCheckpoint('its pickle is nested too deeply');
    }
    this.marks.push(this.stack.length);
  }

  popToMark(): PyValue[] {
    const mark = this.marks.pop();
    if (mark === undefined) {
      throw invalidCheckpoint('its pickle closes what it has not opened');
    }
    return this.stack.splice(mark);
  }

  remember(index: number): void {
    this.memo.set(index, this.top());
  }

  memoize(): void {
    this.remember(this.memo.size);
  }

  recall(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) {
      throw invalidCheckpoint('its pickle refers to something that is not there');
    }
    this.push(value);
  }

  text(length: number, encoding: 'utf8' | 'latin1'): void {
    if (length > MAX_TEXT_BYTES) {
      throw invalidCheckpoint(`a text in its pickle has ${length} bytes`);
    }
    this.push(this.reader.bytes(length).toString(encoding));
  }

  integer(length: number): void {
    if (length > MAX_INTEGER_BYTES) {
      throw invalidCheckpoint(`an integer in its pickle has ${length} bytes`);
    }
    this.push(littleEndian(this.reader.bytes(length)));
  }

  popTuple(): readonly PyValue[] {
    const value = this.pop();
    if (!(value instanceof PyTuple)) {
      throw invalidCheckpoint('its pickle calls something without a tuple of arguments');
    }
    return value.items;
  }

  popGlobal(): PyGlobal {
    const value = this.pop();
    if (typeof value !== 'object' || value === null || !('module' in value)) {
      throw invalidCheckpoint('its pickle calls something that is no name');
    }
    return value;
  }

  tuple(length: number): void {
    const items = Array.from({ length }, () => this.pop()).reverse();
    this.push(new PyTuple(items));
  }

  append(items: readonly PyValue[]): void {
    const list = this.top();
    if (!(list instanceof PyList)) {
      throw invalidCheckpoint('its pickle appends to what is no list');
    }
    for (const item of items) {
      list.items.push(item);
    }
  }

  setItems(items: readonly PyValue[]): void {
    const dictionary = this.top();
    if (!(dictionary instanceof PyDict) || items.length % 2 !== 0) {
      throw invalidCheckpoint('its pickle sets items of what is no dictionary');
    }
    for (let index = 0; index < items.length; index += 2) {
      const key = items[index];
      if (typeof key !== 'string' && typeof key !== 'number') {
        throw invalidCheckpoint('a dictionary has a key that is neither text nor number');
      }
      dictionary.entries.set(key, items[index + 1] as PyValue);
    }
  }
}

/** Two's complement, least significant byte first: a number where it is exact. */
function littleEndian(bytes: Buffer): number | bigint {
  if (bytes.length === 0) {
    return 0;
  }
  const unsigned = BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
  const value = BigInt.asIntN(bytes.length * 8, unsigned);
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
