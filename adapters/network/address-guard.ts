import { lookup as dnsLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';

import ipaddr from 'ipaddr.js';

import { PipelineError } from '../../core/errors.js';

/** This machine is always allowed: whoever sets destinations administers it. */
const LOOPBACK = ['127.0.0.0/8', '::1/128'];

export interface AddressGuard {
  allows(address: string): boolean;
  /** DNS for a connection: the addresses that are really connected to are the ones that are checked. */
  readonly lookup: LookupFunction;
  /**
   * For a host that is an address itself, of which DNS is not asked.
   * @param host a name or an address, as in a URL or without brackets
   * @throws PipelineError `delivery-forbidden`
   */
  checkHost(host: string): void;
}

/**
 * Keeps a destination from reaching into private networks (its name may be made to resolve to one) unless the
 * site has allowed them: only public unicast addresses, this machine, and `allowNetworks`.
 */
export function createAddressGuard(allowNetworks: readonly string[]): AddressGuard {
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
    checkHost(host) {
      const address = host.replace(/^\[|\]$/g, '');
      if (ipaddr.isValid(address) && !allows(address)) {
        throw forbidden();
      }
    },
  };
}

function forbidden(): PipelineError {
  return new PipelineError(
    'delivery-forbidden',
    'The destination is at a private address: if that is meant, name its network in allowNetworks ' +
      '(PREREAD_WEBHOOK_ALLOW_NETWORKS), for destinations of the API in PREREAD_DESTINATION_NETWORKS.',
  );
}
