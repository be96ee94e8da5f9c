/** Takes the next bit of a packet header. */
export type NextBit = () => number;

export interface TagTree {
  /** Reads until a leaf's value is known, or not to be below `limit`; the value, or `limit`. */
  read(leaf: number, limit: number, nextBit: NextBit): number;
}

/**
 * Minima of a grid of `width` x `height` values, of which each layer tells a little more. Source: T.800 B.10.2.
 */
export function createTagTree(width: number, height: number): TagTree {
  const grids = [{ width, height, first: 0 }];
  let nodes = width * height;
  for (let last = grids[0]!; last.width * last.height > 1; last = grids.at(-1)!) {
    const above = { width: (last.width + 1) >> 1, height: (last.height + 1) >> 1, first: nodes };
    nodes += above.width * above.height;
    grids.push(above);
  }
  /** What a node's value is at least, and whether it is just that. */
  const least = new Int32Array(nodes);
  const known = new Uint8Array(nodes);
  return {
    read(leaf, limit, nextBit) {
      const x = leaf % width;
      const y = Math.floor(leaf / width);
      let low = 0;
      for (let level = grids.length - 1; level >= 0; level -= 1) {
        const grid = grids[level]!;
        const node = grid.first + (y >> level) * grid.width + (x >> level);
        low = Math.max(low, least[node]!);
        while (low < limit && known[node] === 0) {
          if (nextBit() === 1) {
            known[node] = 1;
          } else {
            low += 1;
          }
        }
        least[node] = low;
      }
      return low;
    },
  };
}
