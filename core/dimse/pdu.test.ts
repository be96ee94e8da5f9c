import { describe, expect, it } from 'vitest';

import type { AssociateRequest } from './pdu.js';
import {
  ABORT_REASONS,
  decodeAssociateAccept,
  decodeAssociateReject,
  decodeAssociateRequest,
  decodeData,
  encodeAbort,
  encodeAssociateAccept,
  encodeAssociateReject,
  encodeAssociateRequest,
  encodeData,
  encodeReleaseReply,
  encodeReleaseRequest,
  PduError,
} from './pdu.js';

const HEADER_BYTES = 6;
const bodyOf = (pdu: Buffer): Buffer => pdu.subarray(HEADER_BYTES);
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

/**
 * What DCMTK's echoscu 3.6.7 sent when asked for `-aet ECHOSCU -aec PREREAD`:
 * version 1, called PREREAD, calling ECHOSCU, context 1 Verification with implicit little endian, maximum
 * length 16384, implementation class 1.2.276.0.7230010.3.0.3.6.7, version OFFIS_DCMTK_367.
 */
const ECHOSCU_REQUEST = hex(`
  0100 000000cd 0001 0000
  50524552454144202020202020202020 4543484f534355202020202020202020
  00000000000000000000000000000000 00000000000000000000000000000000
  1000 0015 312e322e3834302e31303030382e332e312e312e31
  2000 002e 01 00 ff 00
    3000 0011 312e322e3834302e31303030382e312e31
    4000 0011 312e322e3834302e31303030382e312e32
  5000 003a
    5100 0004 00004000
    5200 001b 312e322e3237362e302e373233303031302e332e302e332e362e37
    5500 000f 4f464649535f44434d544b5f333637
`);

const REQUEST: AssociateRequest = {
  protocolVersion: 1,
  calledAeTitle: 'PREREAD',
  callingAeTitle: 'MODALITY',
  applicationContext: '1.2.840.10008.3.1.1.1',
  contexts: [
    { id: 1, abstractSyntax: '1.2.840.10008.1.1', transferSyntaxes: ['1.2.840.10008.1.2'] },
    { id: 3, abstractSyntax: '1.2.3', transferSyntaxes: ['1.2.4', '1.2.5'] },
  ],
  userInformation: {
    maxPduBytes: 16_384,
    implementationClassUID: '1.2.3.4',
    implementationVersionName: 'TEST',
    roles: [{ SOPClassUID: '1.2.840.10008.1.20.1', scu: false, scp: true }],
  },
};

describe('association PDUs', () => {
  it('are read as DCMTK writes them', () => {
    expect(ECHOSCU_REQUEST.readUInt32BE(2)).toBe(ECHOSCU_REQUEST.length - HEADER_BYTES);
    expect(decodeAssociateRequest(bodyOf(ECHOSCU_REQUEST))).toEqual({
      protocolVersion: 1,
      calledAeTitle: 'PREREAD',
      callingAeTitle: 'ECHOSCU',
      applicationContext: '1.2.840.10008.3.1.1.1',
      contexts: [
        { id: 1, abstractSyntax: '1.2.840.10008.1.1', transferSyntaxes: ['1.2.840.10008.1.2'] },
      ],
      userInformation: {
        maxPduBytes: 16_384,
        implementationClassUID: '1.2.276.0.7230010.3.0.3.6.7',
        implementationVersionName: 'OFFIS_DCMTK_367',
        roles: [],
      },
    });
  });

  it('come back as they were written', () => {
    expect(decodeAssociateRequest(bodyOf(encodeAssociateRequest(REQUEST)))).toEqual(REQUEST);
    const accept = {
      ...REQUEST,
      contexts: [
        { id: 1, result: 0, transferSyntax: '1.2.840.10008.1.2' },
        { id: 3, result: 4, transferSyntax: '1.2.840.10008.1.2' },
      ] as const,
    };
    expect(decodeAssociateAccept(bodyOf(encodeAssociateAccept(accept)))).toEqual(accept);
    const reject = { result: 2, source: 3, reason: 2 } as const;
    expect(encodeAssociateReject(reject)).toEqual(hex('0300 00000004 00 02 03 02'));
    expect(decodeAssociateReject(bodyOf(encodeAssociateReject(reject)))).toEqual(reject);
  });

  it('of release and abort have four bytes', () => {
    expect(encodeReleaseRequest()).toEqual(hex('0500 00000004 00000000'));
    expect(encodeReleaseReply()).toEqual(hex('0600 00000004 00000000'));
    expect(encodeAbort(2, ABORT_REASONS.unexpectedPdu)).toEqual(hex('0700 00000004 0000 02 02'));
    expect(encodeAbort(0, ABORT_REASONS.invalidParameter)).toEqual(hex('0700 00000004 0000 00 00'));
  });

  it('that are cut, overlong inside, or repeat a context are refused', () => {
    const body = bodyOf(encodeAssociateRequest(REQUEST));
    for (let length = 0; length < body.length; length += 7) {
      const cut = body.subarray(0, length);
      try {
        decodeAssociateRequest(cut);
      } catch (error) {
        expect(error).toBeInstanceOf(PduError);
      }
    }
    const repeated = { ...REQUEST, contexts: [REQUEST.contexts[0]!, REQUEST.contexts[0]!] };
    expect(() => decodeAssociateRequest(bodyOf(encodeAssociateRequest(repeated)))).toThrow(
      PduError,
    );
  });
});

describe('data PDUs', () => {
  it('hold a message part in fragments that fit the peer', () => {
    const bytes = Buffer.from(Array.from({ length: 25 }, (_, index) => index));
    const pdus = encodeData(5, false, bytes, 16);
    expect(pdus.map((pdu) => pdu.length - HEADER_BYTES)).toEqual([16, 16, 11]);
    const fragments = pdus.flatMap((pdu) => decodeData(bodyOf(pdu)));
    expect(fragments.map(({ isLast }) => isLast)).toEqual([false, false, true]);
    expect(fragments.every(({ contextId, isCommand }) => contextId === 5 && !isCommand)).toBe(true);
    expect(Buffer.concat(fragments.map((fragment) => fragment.bytes))).toEqual(bytes);
  });

  it('are of one fragment for nothing at all', () => {
    expect(encodeData(1, true, Buffer.alloc(0), 0)).toEqual([hex('0400 00000006 00000002 01 03')]);
  });

  it('with lengths that do not fit are refused', () => {
    for (const broken of ['0000', '00000001 01 00', '00000009 01 00 00', 'ffffffff 01 00 00']) {
      expect(() => decodeData(hex(broken)), broken).toThrow(PduError);
    }
  });
});
