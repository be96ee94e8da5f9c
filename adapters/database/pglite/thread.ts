/**
 * The thread in which PGlite runs: its queries block their event loop.
 * Messages: see messages.ts. A server that has crashed takes the thread with it (exit code 1).
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';

import { PGlite } from '@electric-sql/pglite';

import { SEARCH_PATH } from '../database.js';
import { ensureCluster } from './cluster.js';
import { DURABLE_START_PARAMETERS, DurableNodeFS } from './durable-node-fs.js';
import { createHeldAnswers } from './held-answers.js';
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
const fileSystem = new DurableNodeFS(databaseFolder);
const database = await PGlite.create({
  fs: fileSystem,
  startParams: [
    ...PGlite.defaultStartParams,
    ...DURABLE_START_PARAMETERS,
    '-c',
    `search_path=${SEARCH_PATH}`,
  ],
});

const statements = createPreparedStatements();

const answers = createHeldAnswers(fileSystem, () => performance.now());

const sessions = createSessionQueue({
  async run({ client, batch, durability }) {
    for (;;) {
      const prepared = statements.prepare(batch);
      const { answer, notifications, status } = await run(prepared.bytes);
      answers.ran({ strict: durability === 'strict' });
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
        takeWhatCame();
        return status !== 'I';
      }
    }
  },
  idle: () => {
    answers.release();
  },
});

/** Without a turn of the event loop: a commit that has come can share the fsync of the one before. */
function takeWhatCame(): void {
  for (let came; (came = receiveMessageOnPort(port!)) !== undefined;) {
    receive(came.message as ToThread);
  }
}

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

function receive(message: ToThread): void {
  switch (message.kind) {
    case 'batch': {
      const { client, bytes, durability } = message;
      sessions.add({ client, batch: bytes, durability });
      break;
    }
    case 'leave':
      sessions.leave(message.client);
      break;
    case 'close':
      void database
        .close()
        .then(() => {
          fileSystem.settle();
        })
        .finally(() => process.exit(0));
      break;
  }
}
port.on('message', receive);
send({ kind: 'ready' });

function send(message: FromThread, transfer: readonly ArrayBuffer[] = []): void {
  answers.send(() => port?.postMessage(message, transfer));
}
