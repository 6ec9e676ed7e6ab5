import { hostname, userInfo } from 'node:os';

/** Who runs this program, for the record of what was done: `anna@laptop`. */
export function userAtHost(): string {
  return `${userName()}@${hostname()}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'somebody'; // a container may run under a number that has no name
  }
}
