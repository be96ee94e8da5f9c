/** What a restricted pickle may hold: plain data, and inert stand-ins for what PyTorch adds. */
export type PyValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PyTuple
  | PyList
  | PyDict
  | PyGlobal
  | PyObject
  | TorchStorage
  | TorchTensor;

export class PyTuple {
  readonly items: readonly PyValue[];

  constructor(items: readonly PyValue[]) {
    this.items = items;
  }
}

/** A list or a set: nothing here depends on the difference. */
export class PyList {
  readonly items: PyValue[] = [];
}

export class PyDict {
  readonly entries = new Map<string | number, PyValue>();
}

/** A name in Python. It is never imported: it stands for itself. */
export class PyGlobal {
  readonly module: string;
  readonly name: string;

  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
  }

  toString(): string {
    return `${this.module}.${this.name}`;
  }
}

/** An instance of a class, which is its state and nothing else. */
export class PyObject {
  state: PyDict | undefined;

  readonly type: PyGlobal;

  constructor(type: PyGlobal) {
    this.type = type;
  }
}

export const STORAGE_TYPES = {
  FloatStorage: { dtype: 'float32', itemBytes: 4 },
  DoubleStorage: { dtype: 'float64', itemBytes: 8 },
  HalfStorage: { dtype: 'float16', itemBytes: 2 },
  BFloat16Storage: { dtype: 'bfloat16', itemBytes: 2 },
  LongStorage: { dtype: 'int64', itemBytes: 8 },
  IntStorage: { dtype: 'int32', itemBytes: 4 },
  ShortStorage: { dtype: 'int16', itemBytes: 2 },
  CharStorage: { dtype: 'int8', itemBytes: 1 },
  ByteStorage: { dtype: 'uint8', itemBytes: 1 },
  BoolStorage: { dtype: 'bool', itemBytes: 1 },
} as const;

export type StorageDtype = (typeof STORAGE_TYPES)[keyof typeof STORAGE_TYPES]['dtype'];

/** A block of numbers that the container holds beside the pickle. */
export class TorchStorage {
  readonly key: string;
  readonly dtype: StorageDtype;
  readonly itemBytes: number;
  /** Units: items. */
  readonly length: number;

  constructor(key: string, dtype: StorageDtype, itemBytes: number, length: number) {
    this.key = key;
    this.dtype = dtype;
    this.itemBytes = itemBytes;
    this.length = length;
  }
}

/** A view of a storage; offset and strides in items. */
export class TorchTensor {
  readonly storage: TorchStorage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];

  constructor(
    storage: TorchStorage,
    offset: number,
    shape: readonly number[],
    strides: readonly number[],
  ) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}
