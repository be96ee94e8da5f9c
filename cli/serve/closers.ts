/** Things to close, in the reverse order of their opening. */
export interface Closers {
  add(close: () => void | Promise<void>): void;
  /** Closes everything, also when one of them fails; then throws what failed. Idempotent. */
  closeAll(): Promise<void>;
}

export function createClosers(): Closers {
  const stack: (() => void | Promise<void>)[] = [];
  let closing: Promise<void> | undefined;
  return {
    add: (close) => {
      stack.push(close);
    },
    closeAll: () => (closing ??= closeInReverse(stack)),
  };
}

async function closeInReverse(stack: (() => void | Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (let close = stack.pop(); close; close = stack.pop()) {
    try {
      await close();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) {
    throw new AggregateError(failures, 'not everything could be closed');
  }
}
