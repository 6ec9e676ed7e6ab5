type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** What a page puts a token into, percent-encoded, to follow a task: its EventSource can send no header of its own. */
export const TOKEN_COOKIE = 'shiftwork-token';

export function bearerOf({ authorization }: Headers): string | null {
  if (typeof authorization !== 'string' || !/^bearer /i.test(authorization)) return null;
  return authorization.slice(7).trim();
}

export function cookieTokenOf({ cookie }: Headers): string | null {
  const pairs = String(cookie ?? '').split(/; ?/);
  const found = pairs.find((pair) => pair.startsWith(`${TOKEN_COOKIE}=`));
  return found === undefined ? null : decoded(found.slice(TOKEN_COOKIE.length + 1));
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null; // a half-written escape: no token of ours
  }
}
