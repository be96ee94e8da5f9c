import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

import { Association, type AcceptedContext } from '../../adapters/dimse/association.js';
import { createPduChannel } from '../../adapters/dimse/pdu-channel.js';
import { COMMAND_FIELDS } from '../../core/dimse/command-set.js';
import { decodeAssociateRequest, encodeAssociateAccept } from '../../core/dimse/pdu.js';

/** What the peer does with the n-th C-STORE of its life (from 0): a status, or the end of the association. */
export type ScpScript = (store: number) => number | 'abort' | 'silence' | 'reset' | 'lose answer';

export interface ScriptedScpOptions {
  /** A free one when absent. */
  readonly port?: number;
  readonly tls?: TlsOptions;
  /** Of these it takes the first that is proposed; else the first of all. */
  readonly transferSyntaxes?: readonly string[];
  /** Abstract syntaxes that it does not take. */
  readonly refusedClasses?: readonly string[];
}

export interface StoredByScript {
  readonly SOPInstanceUID: string;
  readonly transferSyntax: string;
  readonly dataSet: Buffer;
}

const TIMEOUT_MS = 60_000;
/** What makes the field of a request that of its response. Source: PS3.7 E.1. */
const RESPONSE = 0x8000;

/** A storage SCP that answers by script. */
export async function startScriptedScp(
  script: ScpScript,
  { port = 0, tls, transferSyntaxes, refusedClasses = [] }: ScriptedScpOptions = {},
) {
  const stored: StoredByScript[] = [];
  const sockets = new Set<Socket>();
  let stores = 0;

  async function serve(socket: Socket): Promise<void> {
    const channel = createPduChannel(socket, 1024 * 1024);
    const request = decodeAssociateRequest((await channel.next(TIMEOUT_MS)).body);
    const contexts = request.contexts.map(({ id, abstractSyntax, transferSyntaxes: proposed }) => {
      if (refusedClasses.includes(abstractSyntax)) {
        return { id, result: 3 as const, transferSyntax: '' };
      }
      const taken = transferSyntaxes?.find((syntax) => proposed.includes(syntax)) ?? proposed[0];
      const refused = transferSyntaxes !== undefined && !transferSyntaxes.includes(taken ?? '');
      return { id, result: refused ? (4 as const) : (0 as const), transferSyntax: taken ?? '' };
    });
    await channel.write([encodeAssociateAccept({ ...request, contexts })], TIMEOUT_MS);
    const accepted = new Map<number, AcceptedContext>(
      contexts
        .filter(({ result }) => result === 0)
        .map(({ id, transferSyntax }) => [id, { abstractSyntax: '', transferSyntax }]),
    );
    const association = new Association(channel, {
      contexts: accepted,
      peerMaxPduBytes: request.userInformation.maxPduBytes,
      idleTimeoutMs: TIMEOUT_MS,
      state: 'established',
    });
    for (;;) {
      const message = await association.nextMessage();
      if (message === undefined) {
        return;
      }
      const parts: Uint8Array[] = [];
      for await (const bytes of association.dataSet()) {
        parts.push(bytes);
      }
      const { contextId, command } = message;
      const said = script(stores);
      stores += 1;
      if (said === 0 || said === 'lose answer') {
        stored.push({
          SOPInstanceUID: command.AffectedSOPInstanceUID ?? '',
          transferSyntax: accepted.get(contextId)?.transferSyntax ?? '',
          dataSet: Buffer.concat(parts),
        });
      }
      if (said === 'abort') {
        association.abort(0, 0);
        return;
      }
      if (said === 'reset') {
        socket.resetAndDestroy();
        return;
      }
      if (said === 'lose answer') {
        socket.destroy();
        return;
      }
      if (said !== 'silence') {
        await association.send(contextId, {
          AffectedSOPClassUID: command.AffectedSOPClassUID ?? '',
          CommandField: (command.CommandField ?? COMMAND_FIELDS.cStoreRequest) | RESPONSE,
          MessageIDBeingRespondedTo: command.MessageID ?? 0,
          Status: said,
          AffectedSOPInstanceUID: command.AffectedSOPInstanceUID ?? '',
        });
      }
    }
  }

  const accept = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    // How it ends is the script's or the sender's affair.
    serve(socket).catch(() => undefined);
  };
  const server = tls === undefined ? createServer(accept) : createTlsServer(tls, accept);
  await listen(server, port);
  return {
    port: (server.address() as AddressInfo).port,
    /** What was stored, in the order of its arrival; an object that came twice stands twice. */
    stored,
    /** C-STORE requests. */
    count: () => stores,
    close: () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) {
          socket.destroy();
        }
        server.close(() => {
          resolve();
        });
      }),
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', resolve);
  });
}
