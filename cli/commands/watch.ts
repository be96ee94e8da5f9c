import type { Command } from 'commander';
import { z } from 'zod';

import { loadConfig } from '../../adapters/config/load-config.js';
import { loggingConfig } from '../../adapters/observability/config.js';
import { createLogger } from '../../adapters/observability/logger.js';
import { storageConfig } from '../../adapters/storage/config.js';
import { readGuarded } from '../../adapters/storage/guarded-file.js';
import { createStorageGuard } from '../../adapters/storage/storage-guard.js';
import { ingestFolderConfig } from '../../services/ingest-folder/config.js';
import { openFinishedFiles } from '../../services/ingest-folder/finished-files.js';
import { watchFolder } from '../../services/ingest-folder/watch-folder.js';
import { EXIT } from '../exit-codes.js';
import { connectToServer, withServerOption } from '../remote/server-connection.js';
import { onStopSignal } from '../serve/stop-signal.js';
import { sendFile } from '../watch/send-file.js';

interface WatchFlags {
  readonly keep?: true;
  readonly server?: string;
}

const HELP = `
Sends each DICOM file that comes into the folder (or below it) to a running server, when its size and time
have not changed for two seconds and nobody writes to it. Then the file is moved to <dir>/done, or to
<dir>/failed with a file <name>.reason that says why. What may pass (no server, a full disk) is tried again
and nothing is moved. Sending a file twice does no harm.

With --keep files stay where they are; which are finished is remembered in PREREAD_DATA_DIR/watch.
To watch a folder in the server's own process: preread serve --watch <dir>

Exit codes:
  ${EXIT.ok}  stopped by Ctrl-C or SIGTERM
  ${EXIT.failure}  the server refuses the key
  ${EXIT.usage}  wrong arguments, or there is no such folder

Examples:
  preread watch /srv/incoming
  preread watch /mnt/archive --keep --server https://preread.hospital.example`;

const watchConfig = z.object({
  ...ingestFolderConfig.shape,
  ...loggingConfig.shape,
  PREREAD_DATA_DIR: storageConfig.shape.PREREAD_DATA_DIR,
  PREREAD_STORAGE_TIMEOUT_MS: storageConfig.shape.PREREAD_STORAGE_TIMEOUT_MS,
});

export function register(program: Command): void {
  withServerOption(
    program
      .command('watch')
      .summary('send the files of a folder to a running server as they come')
      .description('Sends the DICOM files of a folder to a running server as they come.')
      .argument('<dir>')
      .option('--keep', 'leave the files where they are'),
  )
    .addHelpText('after', HELP)
    .action(watch);
}

async function watch(folder: string, flags: WatchFlags): Promise<void> {
  const config = loadConfig(watchConfig, process.env);
  const logger = createLogger(config);
  const server = await connectToServer(flags, process.env);
  const finished = await openFinishedFiles({
    folder,
    keep: flags.keep ?? config.PREREAD_WATCH_KEEP,
    stateFolder: config.PREREAD_DATA_DIR,
  });
  const stop = onStopSignal();
  const guard = createStorageGuard({
    what: 'watched folder',
    timeLimitMs: config.PREREAD_STORAGE_TIMEOUT_MS,
    maxInFlight: 1,
  });
  const watching = watchFolder(
    {
      takeIn: (path) => sendFile(server, readGuarded(guard, path)),
      guard,
      finished,
      logger,
      clock: Date.now,
    },
    {
      folder,
      intervalMs: config.PREREAD_WATCH_INTERVAL_MS,
      settleMs: config.PREREAD_WATCH_SETTLE_MS,
    },
  );
  console.log(`watching ${folder}, sending to ${server.url}`);
  try {
    await Promise.race([stop, watching.failed]);
  } finally {
    await watching.close();
    await finished.close();
  }
}
