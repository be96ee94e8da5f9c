import { invalidCheckpoint } from './checkpoint-error.js';
import { PyDict, PyObject, TorchTensor, type PyValue } from './py-values.js';
import { tensorFloats } from './tensor-floats.js';
import type { TorchContainer } from './torch-container.js';

const MAX_DEPTH = 32;
const MAX_TENSORS = 20_000;
/** Modules that are visited: one that is reachable on many ways counts each time. */
const MAX_MODULES = 20_000;
/** Where checkpoints of training scripts keep the weights. */
const WRAPPERS = ['state_dict', 'model_state_dict', 'model', 'net'];

export interface Weights {
  readonly shape: readonly number[];
  /** Row-major. Shape: `shape`. */
  readonly values: Float32Array;
}

/** Names as in PyTorch's state dict, such as `features.conv0.weight`. */
export type StateDict = ReadonlyMap<string, Weights>;

/** The weights of a whole module or of a state dict, wrapped or not. Throws `checkpoint-invalid`. */
export function stateDictOf({ value, storages }: TorchContainer): StateDict {
  const tensors = collectTensors(value);
  if (tensors.size === 0) {
    throw invalidCheckpoint('it holds no weights');
  }
  const weights = new Map<string, Weights>();
  for (const [name, tensor] of tensors) {
    if (isNumeric(tensor)) {
      const bytes = storages(tensor.storage);
      if (bytes?.length !== tensor.storage.length * tensor.storage.itemBytes) {
        throw invalidCheckpoint('a storage has another length than its tensors say');
      }
      const values = tensorFloats(tensor, bytes);
      weights.set(plainName(name), { shape: tensor.shape, values });
    }
  }
  return weights;
}

/** Counters such as `num_batches_tracked` are no weights. */
function isNumeric({ storage: { dtype } }: TorchTensor): boolean {
  return ['float32', 'float64', 'float16', 'bfloat16'].includes(dtype);
}

/** Without the prefix of torch.nn.DataParallel. */
function plainName(name: string): string {
  return name.replace(/^module\./, '');
}

function collectTensors(value: PyValue): Map<string, TorchTensor> {
  const tensors = new Map<string, TorchTensor>();
  let modules = 0;

  function add(name: string, tensor: TorchTensor): void {
    tensors.set(name, tensor);
    if (tensors.size > MAX_TENSORS) {
      throw invalidCheckpoint('it holds too many tensors');
    }
  }

  function visit(module: PyObject, prefix: string, depth: number): void {
    modules += 1;
    if (depth > MAX_DEPTH || modules > MAX_MODULES) {
      throw invalidCheckpoint('its modules are nested too deeply');
    }
    for (const group of ['_parameters', '_buffers']) {
      for (const [name, item] of attribute(module, group)) {
        if (item instanceof TorchTensor) {
          add(`${prefix}${name}`, item);
        }
      }
    }
    for (const [name, child] of attribute(module, '_modules')) {
      if (child instanceof PyObject) {
        visit(child, `${prefix}${name}.`, depth + 1);
      }
    }
  }

  if (value instanceof PyObject) {
    visit(value, '', 0);
    return tensors;
  }
  if (!(value instanceof PyDict)) {
    throw invalidCheckpoint('it is neither a module nor a state dict');
  }
  for (const [name, item] of value.entries) {
    if (item instanceof TorchTensor) {
      add(String(name), item);
    }
  }
  const wrapped = WRAPPERS.map((name) => value.entries.get(name)).find(
    (item) => item instanceof PyDict || item instanceof PyObject,
  );
  if (tensors.size > 0 || wrapped === undefined) {
    return tensors;
  }
  modules += 1;
  if (wrapped instanceof PyObject) {
    visit(wrapped, '', 0);
  } else {
    for (const [name, item] of wrapped.entries) {
      if (item instanceof TorchTensor) {
        add(String(name), item);
      }
    }
  }
  return tensors;
}

function attribute(module: PyObject, name: string): Iterable<[string | number, PyValue]> {
  const value = module.state?.entries.get(name);
  return value instanceof PyDict ? value.entries : [];
}
