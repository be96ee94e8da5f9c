import pg from 'pg';

/** @param onLost an idle connection has broken; the pool replaces it when needed */
export function createPool(config: pg.PoolConfig, onLost: (error: Error) => void): pg.Pool {
  const pool = new pg.Pool(config);
  // Each of BullMQ's queues and workers listens to the pool that it shares.
  pool.setMaxListeners(0);
  pool.on('error', onLost);
  // While a client is lent out nobody listens to it: a break between two statements of a transaction
  // would end the process. The next statement fails anyway.
  pool.on('connect', (client) => {
    client.on('error', () => undefined);
  });
  return pool;
}
