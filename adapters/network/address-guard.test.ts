import { describe, expect, it } from 'vitest';

import { createAddressGuard } from './address-guard.js';

describe('the address guard', () => {
  it.each([
    ['93.184.216.34', true],
    ['2606:2800:220:1:248:1893:25c8:1946', true],
    ['127.0.0.1', true],
    ['::1', true],
    ['10.1.2.3', false],
    ['192.168.0.10', false],
    ['172.16.0.1', false],
    ['169.254.169.254', false],
    ['0.0.0.0', false],
    ['100.64.0.1', false],
    ['fd00::1', false],
    ['fe80::1', false],
    ['::ffff:10.1.2.3', false],
    ['::ffff:169.254.169.254', false],
  ])('says of %s: %s', (address, allowed) => {
    expect(createAddressGuard([]).allows(address)).toBe(allowed);
  });

  it('allows the networks that the site names, and no others', () => {
    const guard = createAddressGuard(['10.1.0.0/16', 'fd12::/32']);
    expect(
      ['10.1.2.3', '10.2.0.1', 'fd12::5', 'fd13::5'].map((address) => guard.allows(address)),
    ).toEqual([true, false, true, false]);
  });

  it('refuses a host that is a private address', () => {
    const guard = createAddressGuard([]);
    expect(() => {
      guard.checkHost('192.168.1.2');
    }).toThrow(/allowNetworks/);
    expect(() => {
      guard.checkHost('[fd00::1]');
    }).toThrow(/allowNetworks/);
    expect(() => {
      guard.checkHost('hooks.example.org');
    }).not.toThrow();
  });

  it('checks the addresses that a name resolves to', async () => {
    const guard = createAddressGuard([]);
    const resolved = await new Promise((resolve, reject) => {
      guard.lookup('localhost', { all: true }, (error, addresses) => {
        if (error) {
          reject(error);
        } else {
          resolve(addresses);
        }
      });
    });
    expect(resolved).not.toHaveLength(0);
  });
});
