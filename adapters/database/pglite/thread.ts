/**
 * The thread in which PGlite runs: its queries block their event loop.
 * Messages: see messages.ts. A server that has crashed takes the thread with it (exit code 1).
 */
import { parentPort, workerData } from 'node:worker_threads';

import { PGlite } from '@electric-sql/pglite';

import { SEARCH_PATH } from '../database.js';
import { ensureCluster } from './cluster.js';
import { DURABLE_START_PARAMETERS, DurableNodeFS } from './durable-node-fs.js';
import type { FromThread, ThreadData, ToThread } from './messages.js';
import { transferable } from './messages.js';
import { createPreparedStatements } from './prepared-statements.js';
import { parseServerOutput, type ServerOutput, type TransactionStatus } from './protocol.js';
import { createSessionQueue } from './session-queue.js';

const port = parentPort;
if (port === null) {
  throw new Error('this module is the entry of a worker thread');
}
const { databaseFolder } = workerData as ThreadData;

await ensureCluster(databaseFolder);
const database = await PGlite.create({
  fs: new DurableNodeFS(databaseFolder),
  startParams: [
    ...PGlite.defaultStartParams,
    ...DURABLE_START_PARAMETERS,
    '-c',
    `search_path=${SEARCH_PATH}`,
  ],
});

const statements = createPreparedStatements();

const sessions = createSessionQueue(async (client, batch) => {
  for (;;) {
    const prepared = statements.prepare(batch);
    const { answer, notifications, status } = await run(prepared.bytes);
    const concluded = prepared.conclude(answer);
    if (concluded !== undefined) {
      const bytes = transferable(Buffer.concat(concluded));
      send({ kind: 'answer', client, bytes }, [bytes.buffer]);
    }
    tell(notifications);
    const closing = statements.takeClosing();
    if (closing !== undefined) {
      tell((await run(closing)).notifications);
    }
    if (concluded !== undefined) {
      return status !== 'I';
    }
  }
});

async function run(
  batch: Uint8Array,
): Promise<ServerOutput & { readonly status: TransactionStatus }> {
  const chunks: Uint8Array[] = [];
  await database.execProtocolRawStream(batch, {
    // The chunk is a view of the server's memory, which the next call overwrites.
    onRawData: (chunk) => chunks.push(chunk.slice()),
  });
  const { status, ...output } = parseServerOutput(Buffer.concat(chunks));
  if (status === undefined) {
    process.exit(1);
  }
  return { ...output, status };
}

function tell(notifications: Buffer): void {
  if (notifications.length > 0) {
    send({ kind: 'notifications', bytes: transferable(notifications) });
  }
}

port.on('message', (message: ToThread) => {
  switch (message.kind) {
    case 'batch':
      sessions.add(message.client, message.bytes);
      break;
    case 'leave':
      sessions.leave(message.client);
      break;
    case 'close':
      void database.close().finally(() => process.exit(0));
      break;
  }
});
send({ kind: 'ready' });

function send(message: FromThread, transfer: readonly ArrayBuffer[] = []): void {
  port?.postMessage(message, transfer);
}
