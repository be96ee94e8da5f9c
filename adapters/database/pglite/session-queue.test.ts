import { setImmediate as nextTurn } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { queryMessage } from './protocol.js';
import { createSessionQueue } from './session-queue.js';

/** A server that is inside a transaction from BEGIN to COMMIT or ROLLBACK, and keeps a record. */
function recordingServer() {
  const ran: string[] = [];
  let inTransaction = false;
  const queue = createSessionQueue({
    async run({ client, batch }) {
      await nextTurn();
      const sql = Buffer.from(batch).toString('utf8', 5, batch.length - 1);
      ran.push(`${client} ${sql}`);
      inTransaction = sql === 'BEGIN' || (inTransaction && sql !== 'COMMIT' && sql !== 'ROLLBACK');
      return inTransaction;
    },
    idle: () => ran.push('idle'),
  });
  const add = (client: number, ...statements: string[]) => {
    statements.forEach((sql) => {
      queue.add({ client, batch: queryMessage(sql), durability: 'strict' });
    });
  };
  return { ran, queue, add };
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) {
    await nextTurn();
  }
}

describe('session queue', () => {
  it('serves clients in the order of their batches', async () => {
    const { ran, add } = recordingServer();
    add(1, 'a');
    add(2, 'b');
    add(1, 'c');
    await settled();
    expect(ran).toEqual(['1 a', '2 b', '1 c', 'idle']);
  });

  it('gives the session to nobody else inside a transaction', async () => {
    const { ran, add } = recordingServer();
    add(1, 'BEGIN');
    add(2, 'SELECT');
    await settled();
    expect(ran).toEqual(['1 BEGIN', 'idle']);
    add(1, 'INSERT', 'COMMIT');
    await settled();
    expect(ran).toEqual(['1 BEGIN', 'idle', '1 INSERT', '1 COMMIT', '2 SELECT', 'idle']);
  });

  it('rolls back the transaction of a client that leaves, and drops its waiting batches', async () => {
    const { ran, queue, add } = recordingServer();
    add(1, 'BEGIN');
    add(2, 'SELECT');
    await settled();
    add(1, 'INSERT', 'COMMIT');
    queue.leave(1);
    await settled();
    // INSERT was running when the client left.
    expect(ran).toEqual(['1 BEGIN', 'idle', '1 INSERT', '1 ROLLBACK', '2 SELECT', 'idle']);
  });

  it('rolls back behind a batch that is running when its client leaves', async () => {
    const { ran, queue, add } = recordingServer();
    add(1, 'BEGIN');
    add(2, 'SELECT');
    queue.leave(1);
    await settled();
    expect(ran).toEqual(['1 BEGIN', '1 ROLLBACK', '2 SELECT', 'idle']);
  });
});
