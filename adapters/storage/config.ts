import { z } from 'zod';

const GIB = 1024 ** 3;

/** The object store's settings. */
export const storageConfig = z.object({
  PREREAD_DATA_DIR: z
    .string()
    .min(1)
    .default('./preread-data')
    .describe(
      'Folder of the DICOM objects and, without DATABASE_URL, of the embedded database. ' +
        'Several machines share it over a network file system.',
    ),
  PREREAD_MAX_INSTANCE_BYTES: z.coerce
    .number()
    .int()
    .positive()
    .default(2 * GIB)
    .describe('Largest DICOM object that is accepted, in bytes.'),
  PREREAD_MIN_FREE_BYTES: z.coerce
    .number()
    .int()
    .nonnegative()
    .default(1 * GIB)
    .describe(
      'Objects are refused (storage-full) while the file system has less room than this, in bytes.',
    ),
  PREREAD_STORAGE_TIMEOUT_MS: z.coerce
    .number()
    .int()
    .min(100)
    .max(600_000)
    .default(30_000)
    .describe(
      'A file operation that takes longer has met a share that hangs: what needs the objects is refused ' +
        '(storage-unavailable) and a watched folder rests until it answers. More than flushing the largest object takes.',
    ),
  UV_THREADPOOL_SIZE: z.coerce
    .number()
    .int()
    .min(2)
    .max(1024)
    .default(4)
    .describe(
      'Threads of Node for files and host names. One fewer works on objects at once, and two fewer beside a watched ' +
        'folder: more (16) help where a share is far away.',
    ),
  PREREAD_MAX_WAITING_IMAGES: z.coerce
    .number()
    .int()
    .positive()
    .default(100_000)
    .describe(
      'Objects are refused (overloaded) while so many images wait for analysis: then something has been ' +
        'standing still for long, and senders keep their copies.',
    ),
});

export type StorageConfig = z.infer<typeof storageConfig>;
