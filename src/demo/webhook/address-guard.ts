import { lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** Refused because of where it leads: somebody could otherwise make us call our own network. */
export class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError';
  readonly code = 'address-refused';
  constructor(host: string) {
    super(`${host} is a private, loopback or reserved address. Set WEBHOOK_ALLOW_PRIVATE=1 to allow it`);
  }
}

const RESERVED_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
];
// ::/96, ::ffff:0:0:0/96, 64:ff9b::/96, 2001::/32 and 2002::/16 carry an IPv4 address inside, which may be a private one.
const RESERVED_V6 = [
  '::/96', // also ::, which is any address of this machine, and ::1
  '::ffff:0:0:0/96',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
  '5f00::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
];

// An IPv4 address written as IPv6 (::ffff:127.0.0.1) is judged by the IPv4 list: BlockList sees through it.
const reserved = new BlockList();
for (const net of RESERVED_V4) addSubnet(net, 'ipv4');
for (const net of RESERVED_V6) addSubnet(net, 'ipv6');

/** Whether this IP address is one that the public internet does not reach. */
export function isReservedAddress(address: string): boolean {
  const plain = address.replace(/^\[|\]$/g, '').replace(/%.*$/, '');
  return reserved.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4');
}

/** Throws when the host is written as a reserved IP address. Names are judged when they are looked up, by `guardedLookup`. */
export function refuseReservedHost(hostname: string): void {
  const plain = hostname.replace(/^\[|\]$/g, '');
  if (isIP(plain) !== 0 && isReservedAddress(plain)) throw new AddressRefusedError(plain);
}

/**
 * For the `lookup` option of a request: the address that was judged is the address that is connected to. Looking a name up
 * first and calling fetch with it afterwards would leave the name time to change its mind (DNS rebinding).
 */
export const guardedLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) {
      callback(error, []);
      return;
    }
    const bad = addresses.some(({ address }) => isReservedAddress(address));
    const [first] = addresses;
    if (bad || first === undefined) callback(new AddressRefusedError(hostname), []);
    else if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};

function addSubnet(net: string, family: 'ipv4' | 'ipv6'): void {
  const [address = '', bits] = net.split('/');
  reserved.addSubnet(address, Number(bits), family);
}
