import { invalidCheckpoint } from './checkpoint-error.js';
import type { PickleHost } from './pickle-machine.js';
import {
  PyDict,
  PyGlobal,
  PyList,
  PyObject,
  PyTuple,
  STORAGE_TYPES,
  TorchStorage,
  TorchTensor,
  type PyValue,
} from './py-values.js';

const MAX_DIMENSIONS = 8;

type Rebuild = (args: readonly PyValue[]) => PyValue;

/** The functions that a pickle of weights calls, and what they mean here. */
const FUNCTIONS: Readonly<Record<string, Rebuild>> = {
  'collections.OrderedDict': orderedDict,
  '__builtin__.set': setOf,
  'builtins.set': setOf,
  'torch._utils._rebuild_tensor': rebuildTensor,
  'torch._utils._rebuild_tensor_v2': rebuildTensor,
  'torch._utils._rebuild_parameter': ([data]) => requireTensor(data),
  // What modules of PyTorch before 1.4 carry as their `_backend`: a singleton without content.
  'torch.nn.backends.thnn._get_thnn_function_backend': () => null,
};

/** Classes whose instances are only their attributes: layers, and the networks made of them. */
const CLASSES =
  /^(torch\.nn\.modules\.[a-z_]+|torchvision\.models\.[a-z_]+|torchxrayvision\.models)\._?[A-Z]\w*$/;

const STORAGE = /^torch\.([A-Z][A-Za-z0-9]*Storage)$/;

/** The allow-list: names, functions and instances that may be in a checkpoint. All else is refused. */
export const torchHost: PickleHost = {
  global(module, name) {
    const global = new PyGlobal(module, name);
    const text = global.toString();
    if (Object.hasOwn(FUNCTIONS, text) || CLASSES.test(text) || storageType(global) !== undefined) {
      return global;
    }
    throw invalidCheckpoint(
      `it asks for ${JSON.stringify(text)}, which is not needed for weights. ` +
        'A state dict saved with torch.save(model.state_dict(), file) holds nothing else than them',
    );
  },
  call(callable, args) {
    const text = callable.toString();
    const rebuild = Object.hasOwn(FUNCTIONS, text) ? FUNCTIONS[text] : undefined;
    if (rebuild === undefined) {
      throw invalidCheckpoint(`it calls ${text}`);
    }
    return rebuild(args);
  },
  instantiate(type, args) {
    if (!CLASSES.test(type.toString()) || args.length > 0) {
      throw invalidCheckpoint(`it makes a ${type.toString()} in an unusual way`);
    }
    return new PyObject(type);
  },
  build(instance, state) {
    // An ordered dictionary's attributes are the versions of the modules: not needed.
    if (instance instanceof PyDict && state instanceof PyDict) {
      return;
    }
    if (!(instance instanceof PyObject) || !(state instanceof PyDict)) {
      throw invalidCheckpoint('it sets the state of what is no module');
    }
    instance.state = state;
  },
  persistent(id) {
    if (!(id instanceof PyTuple)) {
      throw invalidCheckpoint('it refers to its storages in an unknown way');
    }
    const [kind, type, key, , length, view] = id.items;
    // The class with its source code, for a warning when the code has changed since. Never read.
    if (kind === 'module' && type instanceof PyGlobal) {
      return type;
    }
    const storage = type instanceof PyGlobal ? storageType(type) : undefined;
    if (kind !== 'storage' || storage === undefined || typeof key !== 'string') {
      throw invalidCheckpoint('it refers to its storages in an unknown way');
    }
    if (view !== undefined && view !== null) {
      throw invalidCheckpoint('it has storages that are views of others');
    }
    return new TorchStorage(key, storage.dtype, storage.itemBytes, requireCount(length));
  },
};

function storageType(
  global: PyGlobal,
): (typeof STORAGE_TYPES)[keyof typeof STORAGE_TYPES] | undefined {
  const name = STORAGE.exec(global.toString())?.[1] ?? '';
  return Object.hasOwn(STORAGE_TYPES, name)
    ? STORAGE_TYPES[name as keyof typeof STORAGE_TYPES]
    : undefined;
}

function orderedDict(args: readonly PyValue[]): PyDict {
  const dictionary = new PyDict();
  const [pairs] = args;
  if (pairs === undefined) {
    return dictionary;
  }
  for (const pair of pairs instanceof PyList ? pairs.items : []) {
    const items = pair instanceof PyList || pair instanceof PyTuple ? pair.items : [];
    const [key, value] = items;
    if (typeof key !== 'string' || value === undefined) {
      throw invalidCheckpoint('it makes a dictionary in an unusual way');
    }
    dictionary.entries.set(key, value);
  }
  return dictionary;
}

function setOf([items]: readonly PyValue[]): PyList {
  const set = new PyList();
  if (items instanceof PyList) {
    set.items.push(...items.items.slice(0, 1_000));
  }
  return set;
}

/** `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks)`. */
function rebuildTensor([storage, offset, size, stride]: readonly PyValue[]): TorchTensor {
  if (!(storage instanceof TorchStorage)) {
    throw invalidCheckpoint('a tensor has no storage');
  }
  const shape = requireCounts(size);
  const strides = requireCounts(stride);
  const start = requireCount(offset);
  if (shape.length !== strides.length || shape.length > MAX_DIMENSIONS) {
    throw invalidCheckpoint('a tensor has an impossible shape');
  }
  checkView(storage, start, shape, strides);
  return new TorchTensor(storage, start, shape, strides);
}

/**
 * A tensor must lie inside its storage and use each item at most once: overlapping strides would let a few
 * bytes unfold into any number of gigabytes, and no weights have them.
 */
function checkView(
  storage: TorchStorage,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
): void {
  const axes = shape
    .map((size, axis) => ({ size, stride: strides[axis] ?? 0 }))
    .filter(({ size }) => size !== 1)
    .sort((a, b) => a.stride - b.stride);
  if (axes.some(({ size }) => size === 0)) {
    return;
  }
  let span = 1;
  for (const { size, stride } of axes) {
    if (stride < span) {
      throw invalidCheckpoint('a tensor has strides that overlap');
    }
    span = stride * (size - 1) + span;
  }
  if (!Number.isSafeInteger(span) || offset + span > storage.length) {
    throw invalidCheckpoint('a tensor reaches beyond its storage');
  }
}

function requireTensor(value: PyValue | undefined): TorchTensor {
  if (!(value instanceof TorchTensor)) {
    throw invalidCheckpoint('a parameter is no tensor');
  }
  return value;
}

function requireCounts(value: PyValue | undefined): number[] {
  if (!(value instanceof PyTuple)) {
    throw invalidCheckpoint('a tensor has an impossible shape');
  }
  return value.items.map(requireCount);
}

function requireCount(value: PyValue | undefined): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw invalidCheckpoint('a tensor or storage has an impossible size');
  }
  return value;
}
