import { createByteReader } from './byte-reader.js';
import { invalidCheckpoint } from './checkpoint-error.js';
import { PickleMachine, type PickleHost } from './pickle-machine.js';
import { PyDict, PyList, PyTuple, type PyValue } from './py-values.js';

/** Far above any checkpoint: a DenseNet201 takes 60,000 operations. */
const MAX_OPERATIONS = 5_000_000;
const MAX_NAME_BYTES = 256;

const PROTO = 0x80;
const STOP = 0x2e;

type Operation = (machine: PickleMachine) => void;

/**
 * Reads one pickle of protocol 2 to 4, by the opcodes that PyTorch writes. It is a machine with a stack
 * and a memo, without recursion, so that depth costs nothing and every loop ends with the input.
 *
 * @returns the value and where the bytes behind it start
 */
export function unpickle(
  data: Uint8Array,
  start: number,
  host: PickleHost,
): { readonly value: PyValue; readonly end: number } {
  const machine = new PickleMachine(createByteReader(data, start), host);
  if (machine.reader.u8() !== PROTO) {
    throw invalidCheckpoint('it is not a pickle of protocol 2 or later');
  }
  const protocol = machine.reader.u8();
  if (protocol < 2 || protocol > 4) {
    throw invalidCheckpoint(`its pickle has the protocol ${protocol}; 2 to 4 are read`);
  }
  for (let count = 0; count < MAX_OPERATIONS; count += 1) {
    const opcode = machine.reader.u8();
    if (opcode === STOP) {
      return { value: machine.pop(), end: machine.reader.offset };
    }
    const operation = OPERATIONS.get(opcode);
    if (operation === undefined) {
      const code = opcode.toString(16).padStart(2, '0');
      throw invalidCheckpoint(`its pickle uses the operation 0x${code}, which no weights need`);
    }
    operation(machine);
  }
  throw invalidCheckpoint('its pickle does not end');
}

/** By opcode; names as in Python's pickletools. What is missing here is refused. */
const OPERATIONS: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  [
    0x28,
    (m) => {
      m.mark();
    },
  ], // MARK
  [
    0x4e,
    (m) => {
      m.push(null);
    },
  ], // NONE
  [
    0x88,
    (m) => {
      m.push(true);
    },
  ], // NEWTRUE
  [
    0x89,
    (m) => {
      m.push(false);
    },
  ], // NEWFALSE
  [
    0x4a,
    (m) => {
      m.push(m.reader.i32());
    },
  ], // BININT
  [
    0x4b,
    (m) => {
      m.push(m.reader.u8());
    },
  ], // BININT1
  [
    0x4d,
    (m) => {
      m.push(m.reader.u16());
    },
  ], // BININT2
  [
    0x8a,
    (m) => {
      m.integer(m.reader.u8());
    },
  ], // LONG1
  [
    0x47,
    (m) => {
      m.push(m.reader.f64BigEndian());
    },
  ], // BINFLOAT
  [
    0x58,
    (m) => {
      m.text(m.reader.u32(), 'utf8');
    },
  ], // BINUNICODE
  [
    0x8c,
    (m) => {
      m.text(m.reader.u8(), 'utf8');
    },
  ], // SHORT_BINUNICODE
  // Text of Python 2.
  [
    0x54,
    (m) => {
      m.text(m.reader.u32(), 'latin1');
    },
  ], // BINSTRING
  [
    0x55,
    (m) => {
      m.text(m.reader.u8(), 'latin1');
    },
  ], // SHORT_BINSTRING
  [
    0x29,
    (m) => {
      m.tuple(0);
    },
  ], // EMPTY_TUPLE
  [
    0x85,
    (m) => {
      m.tuple(1);
    },
  ], // TUPLE1
  [
    0x86,
    (m) => {
      m.tuple(2);
    },
  ], // TUPLE2
  [
    0x87,
    (m) => {
      m.tuple(3);
    },
  ], // TUPLE3
  [
    0x74,
    (m) => {
      m.push(new PyTuple(m.popToMark()));
    },
  ], // TUPLE
  [
    0x5d,
    (m) => {
      m.push(new PyList());
    },
  ], // EMPTY_LIST
  [
    0x8f,
    (m) => {
      m.push(new PyList());
    },
  ], // EMPTY_SET
  [
    0x7d,
    (m) => {
      m.push(new PyDict());
    },
  ], // EMPTY_DICT
  [
    0x61,
    (m) => {
      const item = m.pop();
      m.append([item]);
    },
  ], // APPEND
  [
    0x65,
    (m) => {
      m.append(m.popToMark());
    },
  ], // APPENDS
  [
    0x90,
    (m) => {
      m.append(m.popToMark());
    },
  ], // ADDITEMS
  [
    0x73,
    (m) => {
      const value = m.pop();
      const key = m.pop();
      m.setItems([key, value]);
    },
  ], // SETITEM
  [
    0x75,
    (m) => {
      m.setItems(m.popToMark());
    },
  ], // SETITEMS
  [
    0x71,
    (m) => {
      m.remember(m.reader.u8());
    },
  ], // BINPUT
  [
    0x72,
    (m) => {
      m.remember(m.reader.u32());
    },
  ], // LONG_BINPUT
  [
    0x94,
    (m) => {
      m.memoize();
    },
  ], // MEMOIZE
  [
    0x68,
    (m) => {
      m.recall(m.reader.u8());
    },
  ], // BINGET
  [
    0x6a,
    (m) => {
      m.recall(m.reader.u32());
    },
  ], // LONG_BINGET
  [
    0x95,
    (m) => {
      m.reader.u64();
    },
  ], // FRAME
  [
    0x63,
    (m) => {
      m.push(m.host.global(m.reader.line(MAX_NAME_BYTES), m.reader.line(MAX_NAME_BYTES)));
    },
  ], // GLOBAL
  [0x93, stackGlobal], // STACK_GLOBAL
  [
    0x52,
    (m) => {
      const args = m.popTuple();
      m.push(m.host.call(m.popGlobal(), args));
    },
  ], // REDUCE
  [
    0x81,
    (m) => {
      const args = m.popTuple();
      m.push(m.host.instantiate(m.popGlobal(), args));
    },
  ], // NEWOBJ
  [
    0x62,
    (m) => {
      const state = m.pop();
      m.host.build(m.top(), state);
    },
  ], // BUILD
  [
    0x51,
    (m) => {
      m.push(m.host.persistent(m.pop()));
    },
  ], // BINPERSID
]);

function stackGlobal(machine: PickleMachine): void {
  const name = machine.pop();
  const module = machine.pop();
  if (typeof name !== 'string' || typeof module !== 'string') {
    throw invalidCheckpoint('its pickle names something by what is no text');
  }
  machine.push(machine.host.global(module, name));
}
