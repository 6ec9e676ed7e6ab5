import { BlockList, isIP } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** What nearly every connection from here has; each request is looked at, and the list takes a fiftieth of its time. */
const USUAL_ADDRESSES: ReadonlySet<string | undefined> = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);

/** Whether the other end of a connection is on this machine. Of a connection that has gone nothing is known: no. */
export function isLoopback(address: string | undefined): boolean {
  if (USUAL_ADDRESSES.has(address)) return true;
  // An IPv4 address written as IPv6 (::ffff:127.0.0.1) is judged by the IPv4 rule: BlockList sees through it.
  return address !== undefined && loopback.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/** What nearly everybody writes; reading a URL takes some of a request's time, too. */
const USUAL_URL = /^http:\/\/(localhost|127\.0\.0\.1)(:\d+)?$/;

/** Whether a URL leads to this machine whoever answers the question for its name. */
export function leadsToLoopback(url: string): boolean {
  if (USUAL_URL.test(url)) return true;
  if (!URL.canParse(url)) return false;
  const { hostname } = new URL(url);
  if (hostname === 'localhost' || hostname.endsWith('.localhost')) return true; // browsers ask nobody for these
  return isLoopback(hostname.replace(/^\[(.*)\]$/, '$1'));
}
