import type { Address, Kernel } from '../../../core/kernel/kernel.js';
import type { RowReader } from '../../../core/imaging/image-rows.js';

/** Rows that nobody wants are decoded so many at a time. */
const SKIPPED_ROWS = 16;

/**
 * Rows of a stream that can only be decoded from its beginning. Those that are skipped are decoded all the
 * same, to the last, because damage shows nowhere else.
 */
export function sequentialRows(
  kernel: Kernel,
  { height, rowBytes }: { readonly height: number; readonly rowBytes: number },
  decode: (to: Address, count: number) => void,
  end: () => void,
): RowReader {
  const skipped = kernel.allocate(SKIPPED_ROWS * rowBytes);
  let next = 0;
  const skipTo = (row: number) => {
    while (next < row) {
      const count = Math.min(SKIPPED_ROWS, row - next);
      decode(skipped, count);
      next += count;
    }
  };
  return {
    read(to, firstRow, count) {
      skipTo(firstRow);
      decode(to, count);
      next += count;
    },
    end() {
      skipTo(height);
      end();
    },
  };
}
