import type { Guarded } from '../../../core/storage/object-store.js';
import { createImageDecoder } from '../rendering/image-decoder.js';
import type { ShownPicture } from '../rendering/image-task.js';
import { readBounded } from '../rendering/read-object.js';

/**
 * The first frame of a stored image as it is shown, decoded in a thread of its own.
 * @throws as `ImageDecoder.picture`
 */
export async function readShownPicture(path: string, guarded: Guarded): Promise<ShownPicture> {
  const decoder = createImageDecoder({
    readFile: (file) => guarded(() => readBounded(file)),
    maxWaiting: 1,
    background: false,
  });
  try {
    return await decoder.picture({ path }, 0);
  } finally {
    await decoder.close();
  }
}
