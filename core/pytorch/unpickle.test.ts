import { expect, test } from 'vitest';

import { unpickle } from './unpickle.js';
import { PyDict, PyList, PyTuple, type PyValue } from './py-values.js';
import { stateDictOf } from './state-dict.js';
import { torchHost } from './torch-host.js';

/** A pickle of protocol 2 from opcodes: numbers are bytes, texts are latin1. */
function pickle(...parts: (number | string | Buffer)[]): Buffer {
  return Buffer.concat([
    Buffer.from([0x80, 2]),
    ...parts.map((part) =>
      typeof part === 'number'
        ? Buffer.from([part])
        : typeof part === 'string'
          ? Buffer.from(part, 'latin1')
          : part,
    ),
  ]);
}

function read(bytes: Buffer): PyValue {
  return unpickle(bytes, 0, torchHost).value;
}

function text(value: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(value.length);
  return Buffer.concat([Buffer.from('X'), length, Buffer.from(value)]);
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes.write('J');
  bytes.writeInt32LE(value, 1);
  return bytes;
}

function ints(values: readonly number[]): Buffer {
  return Buffer.concat([Buffer.from('('), ...values.map(int), Buffer.from('t')]);
}

function long(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return Buffer.concat([Buffer.from([0x8a, 8]), bytes]);
}

/** `_rebuild_tensor_v2(storage of `length` floats, offset, shape, strides, ...)`. */
function tensor(
  length: number,
  offset: Buffer,
  shape: readonly number[],
  strides: readonly number[],
): Buffer {
  return pickle(
    'ctorch._utils\n_rebuild_tensor_v2\n(',
    Buffer.concat([
      Buffer.from('('),
      text('storage'),
      Buffer.from('ctorch\nFloatStorage\n'),
      text('0'),
      text('cpu'),
      int(length),
      Buffer.from('tQ'),
    ]),
    offset,
    ints(shape),
    ints(strides),
    0x89,
    'ccollections\nOrderedDict\n)RtR.',
  );
}

function itemsOf(value: PyValue | undefined): readonly PyValue[] {
  if (!(value instanceof PyTuple)) {
    throw new Error('expected a tuple');
  }
  return value.items;
}

test('plain data of every kind is read', () => {
  const value = read(
    pickle('(', 'N', 0x88, 0x89, int(-2), 'K', 7, text(''), '])}tq', 0, 0x68, 0, 0x86, '.'),
  );
  const [tuple, again] = itemsOf(value);
  expect(again).toBe(tuple);
  const items = itemsOf(tuple);
  expect(items.slice(0, 6)).toEqual([null, true, false, -2, 7, '']);
  expect(items[6]).toBeInstanceOf(PyList);
  expect(items[8]).toBeInstanceOf(PyDict);
});

test('long integers keep their sign and their digits', () => {
  expect(read(pickle(long(-5n), '.'))).toBe(-5);
  expect(read(pickle(long(2n ** 62n), '.'))).toBe(2n ** 62n);
  expect(read(pickle(0x8a, 0, '.'))).toBe(0);
});

const manyMarks = Buffer.alloc(2_000_000, '(');
const manyLists = Buffer.alloc(2_000_000, ']');

const REFUSED: readonly (readonly [string, Buffer, RegExp])[] = [
  ['os.system', pickle('cos\nsystem\n(', text('touch /tmp/owned'), 'tR.'), /"os\.system"/],
  ['posix.system', pickle('cposix\nsystem\n(', text('id'), 'tR.'), /"posix\.system"/],
  ['subprocess', pickle('csubprocess\nPopen\n(', text('id'), 'tR.'), /"subprocess\.Popen"/],
  ['eval', pickle('cbuiltins\neval\n(', text('1'), 'tR.'), /"builtins\.eval"/],
  ['getattr', pickle('c__builtin__\ngetattr\n(', text('x'), text('y'), 'tR.'), /getattr/],
  ['importlib', pickle('cimportlib\nimport_module\n(', text('os'), 'tR.'), /importlib/],
  [
    'a dotted name below an allowed module',
    pickle('ctorch.nn.modules.conv\nos.system\n.'),
    /os\.system/,
  ],
  ['a function of torch', pickle('ctorch\nload\n.'), /"torch\.load"/],
  ['torch.hub', pickle('ctorch.hub\nload\n.'), /"torch\.hub\.load"/],
  ['a name with a control character', pickle('ctorch\n\x1b[31mFloatStorage\n.'), /\\u001b/],
  ['os.system by STACK_GLOBAL', pickle(text('os'), text('system'), 0x93, ')R.'), /"os\.system"/],
  ['INST', pickle('(ios\nsystem\n.'), /operation 0x69/],
  ['OBJ', pickle('(cos\nsystem\no.'), /"os\.system"/],
  ['EXT1', pickle(0x82, 1, '.'), /operation 0x82/],
  ['NEWOBJ_EX', pickle('ctorch.nn.modules.conv\nConv2d\n)}', 0x92, '.'), /operation 0x92/],
  ['a text integer', pickle('I1\n.'), /operation 0x49/],
  ['a persistent id as a line', pickle('Pos\n.'), /operation 0x50/],
  ['a call of a class', pickle('ctorch.nn.modules.conv\nConv2d\n)R.'), /it calls/],
  ['a call of a storage type', pickle('ctorch\nFloatStorage\n)R.'), /it calls/],
  ['a call of a text', pickle(text('x'), ')R.'), /no name/],
  ['an instance of a function', pickle('ccollections\nOrderedDict\n)', 0x81, '.'), /unusual way/],
  [
    'constructor arguments',
    pickle('ctorch.nn.modules.conv\nConv2d\nK', 1, 0x85, 0x81, '.'),
    /unusual way/,
  ],
  ['state of a list', pickle(']}b.'), /no module/],
  ['a key that is an object', pickle('}])', 's.'), /neither text nor number/],
  ['marks without end', pickle(manyMarks), /nested too deeply/],
  ['a stack without end', pickle(manyLists), /nested too deeply/],
  [
    'a text longer than the file',
    pickle('X', Buffer.from([0xff, 0xff, 0xff, 0x7f])),
    /2147483647 bytes/,
  ],
  ['a huge integer', pickle(0x8a, 255, Buffer.alloc(255)), /255 bytes/],
  [
    'a memo that is not there',
    pickle('j', Buffer.from([0xff, 0xff, 0xff, 0xff]), '.'),
    /not there/,
  ],
  ['an empty stack', pickle('.'), /more than it has put/],
  ['a mark that is taken', pickle('K', 1, '(', 'a.'), /more than it has put/],
  ['a tuple without mark', pickle('t.'), /not opened/],
  ['nothing after the header', pickle(), /ends too early/],
  ['protocol 5', Buffer.from([0x80, 5, 0x2e]), /protocol 5/],
  ['no pickle at all', Buffer.from('hello'), /not a pickle/],
  ['a module name without end', pickle('c', Buffer.alloc(5_000, 'a')), /no end/],
  ['a storage that is too short', tensor(3, int(0), [2, 2], [2, 1]), /beyond its storage/],
  ['an offset beyond the storage', tensor(4, int(1), [2, 2], [2, 1]), /beyond its storage/],
  ['a negative offset', tensor(4, int(-1), [2], [1]), /impossible size/],
  ['an enormous offset', tensor(4, long(2n ** 60n), [2], [1]), /impossible size/],
  ['overlapping strides', tensor(4, int(0), [3, 2], [1, 1]), /overlap/],
  ['strides of zero', tensor(1, int(0), [1_000_000, 1_000], [0, 0]), /overlap/],
  ['a negative size', tensor(4, int(0), [-2], [1]), /impossible size/],
  ['more strides than axes', tensor(4, int(0), [2], [1, 1]), /impossible shape/],
  [
    'nine axes',
    tensor(1, int(0), Array(9).fill(1) as number[], Array(9).fill(1) as number[]),
    /impossible shape/,
  ],
];

test.each(REFUSED)('%s is refused', (_, bytes, message) => {
  expect(() => read(bytes)).toThrow(message);
  try {
    read(bytes);
  } catch (error) {
    expect(error).toMatchObject({ code: 'checkpoint-invalid' });
  }
});

test('every cut of a good pickle is refused', () => {
  const whole = tensor(4, int(0), [2, 2], [2, 1]);
  expect(() => read(whole)).not.toThrow();
  for (let length = 0; length < whole.length; length += 1) {
    expect(() => read(whole.subarray(0, length))).toThrow(/cannot be imported/);
  }
});

test('references to references do not multiply: a module that holds itself is refused', () => {
  const module = Buffer.from('ctorch.nn.modules.container\nSequential\n)\x81q\x00', 'latin1');
  const itself = pickle(module, '}', text('_modules'), '}', text('a'), 'h', 0, 's', 's', 'b.');
  expect(() => stateDictOf({ value: read(itself), storages: () => undefined })).toThrow(
    /nested too deeply/,
  );
  // Twenty-five levels with ten references each to the next: 10^25 ways, one module a level.
  let value = read(pickle(module, '}b.'));
  for (let level = 0; level < 25; level += 1) {
    const outer = read(pickle(module, '}', text('_modules'), '}', 's', 'b.'));
    const modules = (outer as { state?: PyDict }).state?.entries.get('_modules') as PyDict;
    for (let index = 0; index < 10; index += 1) {
      modules.entries.set(`m${index}`, value);
    }
    value = outer;
  }
  expect(() => stateDictOf({ value, storages: () => undefined })).toThrow(/nested too deeply/);
});
