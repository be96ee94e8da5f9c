import { describe, expect, it } from 'vitest';

import { judgePdu } from './association-state.js';
import { negotiate } from './negotiate.js';
import type { AcceptancePolicy } from './negotiate.js';
import type { AssociateRequest } from './pdu.js';
import { APPLICATION_CONTEXT, PDU_TYPES } from './pdu.js';

const POLICY: AcceptancePolicy = {
  calledAeTitles: new Set(['PREREAD']),
  isKnownCaller: (title) => title === 'MODALITY',
  contexts: new Map([
    ['1.2.3', new Set(['1.2.840.10008.1.2.1', '1.2.840.10008.1.2.4.70'])],
    ['1.2.4', new Set(['1.2.840.10008.1.2.1'])],
  ]),
  served: new Set(['1.2.4']),
  maxPduBytes: 65_536,
  implementationClassUID: '1.2.3.4',
  implementationVersionName: 'TEST',
};

function request(overrides: Partial<AssociateRequest> = {}): AssociateRequest {
  return {
    protocolVersion: 1,
    calledAeTitle: 'PREREAD',
    callingAeTitle: 'MODALITY',
    applicationContext: APPLICATION_CONTEXT,
    contexts: [],
    userInformation: {
      maxPduBytes: 0,
      implementationClassUID: '1.2',
      implementationVersionName: '',
      roles: [],
    },
    ...overrides,
  };
}

describe('negotiation', () => {
  it('rejects with the source and reason of the standard', () => {
    const rejected = (overrides: Partial<AssociateRequest>) => {
      const negotiation = negotiate(request(overrides), POLICY);
      return negotiation.kind === 'reject' ? negotiation.reject : undefined;
    };
    expect(rejected({ protocolVersion: 2 })).toEqual({ result: 1, source: 2, reason: 2 });
    expect(rejected({ applicationContext: '1.2' })).toEqual({ result: 1, source: 1, reason: 2 });
    expect(rejected({ calledAeTitle: 'OTHER' })).toEqual({ result: 1, source: 1, reason: 7 });
    expect(rejected({ callingAeTitle: 'OTHER' })).toEqual({ result: 1, source: 1, reason: 3 });
    expect(rejected({})).toBeUndefined();
  });

  it('takes the first transfer syntax of the requestor that is ours, and says what it cannot take', () => {
    const negotiation = negotiate(
      request({
        contexts: [
          { id: 1, abstractSyntax: '1.2.3', transferSyntaxes: ['1.2.9', '1.2.840.10008.1.2.4.70'] },
          { id: 3, abstractSyntax: '1.2.3', transferSyntaxes: ['1.2.9'] },
          { id: 5, abstractSyntax: '1.2.9', transferSyntaxes: ['1.2.840.10008.1.2.1'] },
        ],
      }),
      POLICY,
    );
    expect(negotiation.kind === 'accept' && negotiation.accept.contexts).toEqual([
      { id: 1, result: 0, transferSyntax: '1.2.840.10008.1.2.4.70' },
      { id: 3, result: 4, transferSyntax: '1.2.840.10008.1.2' },
      { id: 5, result: 3, transferSyntax: '1.2.840.10008.1.2' },
    ]);
  });

  it('lets the requestor be SCU of what we take, and SCP only of what we use', () => {
    const user = request().userInformation;
    const roles = [
      { SOPClassUID: '1.2.3', scu: true, scp: true },
      { SOPClassUID: '1.2.4', scu: false, scp: true },
      { SOPClassUID: '1.2.9', scu: true, scp: false },
    ];
    const negotiation = negotiate(request({ userInformation: { ...user, roles } }), POLICY);
    expect(negotiation.kind === 'accept' && negotiation.accept.userInformation.roles).toEqual([
      { SOPClassUID: '1.2.3', scu: true, scp: false },
      { SOPClassUID: '1.2.4', scu: false, scp: true },
    ]);
  });
});

describe('the states of an association', () => {
  it('allow what the standard allows and nothing else', () => {
    const allowed = (state: Parameters<typeof judgePdu>[0]) =>
      Object.entries(PDU_TYPES)
        .filter(([, type]) => judgePdu(state, type).kind === 'expected')
        .map(([name]) => name);
    expect(allowed('awaiting-request')).toEqual(['associateRequest', 'abort']);
    expect(allowed('awaiting-answer')).toEqual(['associateAccept', 'associateReject', 'abort']);
    expect(allowed('established')).toEqual(['data', 'releaseRequest', 'abort']);
    expect(allowed('awaiting-release')).toEqual([
      'data',
      'releaseRequest',
      'releaseReply',
      'abort',
    ]);
    expect(allowed('closed')).toEqual([]);
    expect(judgePdu('established', 0x47).kind).toBe('unrecognized');
  });
});
