/** How the REST room stands in its app. */
export interface HttpOptions {
  /**
   * `tokens`: SHIFTWORK_TOKENS decide (default); without them only this machine is answered. `host`: the app around us has
   * guards of its own, ours lets everybody in.
   */
  readonly auth: 'tokens' | 'host';
}

/** Injection token of `HttpOptions`; absent: the defaults. */
export const HTTP_OPTIONS = Symbol('shiftwork.httpOptions');
