/** Injection token of the frozen `Settings`. */
export const SETTINGS = Symbol('shiftwork.settings');
