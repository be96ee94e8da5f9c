import { lookup as dnsLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';

import ipaddr from 'ipaddr.js';

import { PipelineError } from '../../core/errors.js';

/** This machine is always allowed: whoever configures destinations runs it. */
const LOOPBACK = ['127.0.0.0/8', '::1/128'];

/**
 * Keeps a webhook from reaching into private networks (its name may be made to resolve to one) unless the
 * site has allowed them: only public unicast addresses, this machine, and `allowNetworks`.
 */
export function createAddressGuard(allowNetworks: readonly string[]): {
  allows(address: string): boolean;
  /** DNS for a connection: the addresses that are really connected to are the ones that are checked. */
  readonly lookup: LookupFunction;
  /** Throws `delivery-forbidden` for a URL that names a forbidden address itself: no DNS is asked then. */
  checkUrl(url: string): void;
} {
  const networks = [...LOOPBACK, ...allowNetworks].map((network) => ipaddr.parseCIDR(network));

  function allows(address: string): boolean {
    // An IPv4 address in IPv6 clothes is judged as what it is.
    const parsed = ipaddr.process(address);
    return (
      parsed.range() === 'unicast' ||
      networks.some(
        ([network, bits]) => parsed.kind() === network.kind() && parsed.match(network, bits),
      )
    );
  }

  return {
    allows,
    lookup(hostname, options, callback) {
      dnsLookup(hostname, { ...options, all: true }, (error, addresses) => {
        if (error) {
          callback(error, '', 0);
          return;
        }
        const allowed = addresses.filter(({ address }) => allows(address));
        const [first] = allowed;
        if (first === undefined) {
          callback(forbidden(), '', 0);
        } else if (options.all === true) {
          callback(null, allowed);
        } else {
          callback(null, first.address, first.family);
        }
      });
    },
    checkUrl(url) {
      const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
      if (ipaddr.isValid(host) && !allows(host)) {
        throw forbidden();
      }
    },
  };
}

function forbidden(): PipelineError {
  return new PipelineError(
    'delivery-forbidden',
    'The webhook resolves to a private address: name its network in allowNetworks ' +
      '(PREREAD_WEBHOOK_ALLOW_NETWORKS) if that is meant.',
  );
}
