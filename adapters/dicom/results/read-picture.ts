import { createImageDecoder } from '../rendering/image-decoder.js';
import type { ShownPicture } from '../rendering/image-task.js';

/**
 * The first frame of a stored image as it is shown, decoded in a thread of its own.
 * @throws as `ImageDecoder.picture`
 */
export async function readShownPicture(path: string): Promise<ShownPicture> {
  const decoder = createImageDecoder({ maxWaiting: 1, background: false });
  try {
    return await decoder.picture({ path }, 0);
  } finally {
    await decoder.close();
  }
}
