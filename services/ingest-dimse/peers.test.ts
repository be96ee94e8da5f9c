import { expect, test } from 'vitest';
import { z } from 'zod';

import { mayCall, parseCallers, parsePeers } from './peers.js';

const callers = z.string().transform((text, context) => parseCallers(text, context) ?? []);
const peers = z.string().transform(parsePeers);

test('a caller is known by its title, and by its address where it has one', () => {
  const known = callers.parse('MODALITY1@10.0.0.7, PACS,');
  expect(mayCall(known, 'MODALITY1', '10.0.0.7')).toBe(true);
  expect(mayCall(known, 'MODALITY1', '::ffff:10.0.0.7')).toBe(true);
  expect(mayCall(known, 'MODALITY1', '10.0.0.8')).toBe(false);
  expect(mayCall(known, 'PACS', '10.0.0.8')).toBe(true);
  expect(mayCall(known, 'pacs', '10.0.0.8')).toBe(false);
});

test.each(['*', ' * ', 'PACS, *'])('%j lets everybody call', (text) => {
  expect(callers.parse(text)).toBe('everybody');
});

test.each(['PACS@ris.example', 'PACS@10.0.0.0/24', '@10.0.0.7', 'SEVENTEENLETTERSX', 'A\\B'])(
  '%j is no caller, and the message quotes it',
  (text) => {
    expect(callers.safeParse(text).error?.issues[0]?.message).toContain(`"${text}"`);
  },
);

test('a peer has a title, a host and a port', () => {
  expect([...peers.parse('PACS=10.0.0.5:104, RIS=[fe80::1]:11112')]).toEqual([
    ['PACS', { host: '10.0.0.5', port: 104 }],
    ['RIS', { host: 'fe80::1', port: 11_112 }],
  ]);
  for (const wrong of ['PACS', 'PACS=host', 'PACS=host:0', 'PACS=host:99999', '=host:104']) {
    expect(peers.safeParse(wrong).success, wrong).toBe(false);
  }
});
