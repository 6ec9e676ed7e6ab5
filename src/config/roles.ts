/** What a process is there for. One process may have several. */
export type Role = 'web' | 'worker' | 'clock';

export const ROLES: readonly Role[] = ['web', 'worker', 'clock'];

export function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}
