import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** What the peer does with the n-th C-STORE of its life (from 0): a status, or the end of the association. */
export type ScpScript = (store: number) => number | 'abort' | 'silence' | 'reset';

/** A storage SCP by the book that answers by script. */
export async function startScriptedScp(script: ScpScript) {
  const received: string[] = [];
  let stores = 0;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    let buffer = Buffer.alloc(0);
    let command = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      buffer = Buffer.concat([buffer, chunk]);
      while (buffer.length >= 6 && buffer.length >= 6 + buffer.readUInt32BE(2)) {
        const length = buffer.readUInt32BE(2);
        onPdu(socket, buffer.readUInt8(0), Buffer.from(buffer.subarray(6, 6 + length)));
        buffer = buffer.subarray(6 + length);
      }
    });

    function onPdu(peer: Socket, type: number, body: Buffer): void {
      if (type === 0x01) {
        peer.write(acceptAll(body));
      } else if (type === 0x05) {
        peer.write(pdu(0x06, Buffer.alloc(4)));
      } else if (type === 0x04) {
        for (let offset = 0; offset < body.length;) {
          const length = body.readUInt32BE(offset);
          const control = body.readUInt8(offset + 5);
          if ((control & 1) === 1) {
            command = Buffer.concat([command, body.subarray(offset + 6, offset + 4 + length)]);
          } else if ((control & 2) === 2) {
            onStore(peer, body.readUInt8(offset + 4), command);
            command = Buffer.alloc(0);
          }
          offset += 4 + length;
        }
      }
    }

    function onStore(peer: Socket, contextId: number, request: Buffer): void {
      const said = script(stores);
      stores += 1;
      if (said === 'abort') {
        peer.end(pdu(0x07, Buffer.from([0, 0, 2, 0])));
      } else if (said === 'reset') {
        peer.resetAndDestroy();
      } else if (said !== 'silence') {
        if (said === 0) {
          received.push(field(request, 0x1000).toString('latin1').replace(/\0$/, ''));
        }
        peer.write(response(contextId, field(request, 0x0110), said));
      }
    }
  });
  await listen(server);
  return {
    port: (server.address() as AddressInfo).port,
    /** SOP Instance UIDs that were answered with success. */
    received,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      }),
  };
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
}

function acceptAll(request: Buffer): Buffer {
  const parts = [request.subarray(0, 68)];
  for (let offset = 68; offset < request.length;) {
    const type = request.readUInt8(offset);
    const length = request.readUInt16BE(offset + 2);
    const value = request.subarray(offset + 4, offset + 4 + length);
    if (type === 0x20) {
      const abstract = value.readUInt16BE(6);
      const accepted = Buffer.concat([value.subarray(0, 4), value.subarray(8 + abstract)]);
      parts.push(item(0x21, accepted));
    } else {
      parts.push(item(type, value));
    }
    offset += 4 + length;
  }
  return pdu(0x02, Buffer.concat(parts));
}

function response(contextId: number, messageId: Buffer, status: number): Buffer {
  const elements = Buffer.concat([
    element(0x0100, uint16(0x8001)),
    element(0x0120, messageId),
    element(0x0800, uint16(0x0101)),
    element(0x0900, uint16(status)),
  ]);
  const head = Buffer.alloc(6);
  head.writeUInt32BE(elements.length + 2, 0);
  head.writeUInt8(contextId, 4);
  head.writeUInt8(3, 5);
  return pdu(0x04, Buffer.concat([head, elements]));
}

function field(command: Buffer, number: number): Buffer {
  for (let offset = 0; offset + 8 <= command.length;) {
    const length = command.readUInt32LE(offset + 4);
    if (command.readUInt16LE(offset + 2) === number) {
      return command.subarray(offset + 8, offset + 8 + length);
    }
    offset += 8 + length;
  }
  throw new Error(`the command has no element ${number}`);
}

function pdu(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(6);
  head.writeUInt8(type, 0);
  head.writeUInt32BE(body.length, 2);
  return Buffer.concat([head, body]);
}

function item(type: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt8(type, 0);
  head.writeUInt16BE(value.length, 2);
  return Buffer.concat([head, value]);
}

function element(number: number, value: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16LE(number, 2);
  head.writeUInt32LE(value.length, 4);
  return Buffer.concat([head, value]);
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}
