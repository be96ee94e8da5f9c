import type { RequestListener } from 'node:http';

import type { RequestHandler } from 'express';

export const BOARD_PATH = '/admin/queues';

export type OpenBoard = (basePath: string) => Promise<RequestListener>;

/** The page of the queues, opened when it is first asked for; while the queue is down, each request tries again. */
export function queueBoard(open: OpenBoard): RequestHandler {
  let board: RequestListener | undefined;
  return async (request, response) => {
    board ??= await open(BOARD_PATH);
    board(request, response);
  };
}
