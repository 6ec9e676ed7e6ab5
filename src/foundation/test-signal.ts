/**
 * A place in the code where a test may wait, or be waited for. In production nobody listens and `reached` costs a
 * property read. A test of the same process calls `listen`; a test with child processes preloads a module into them
 * (`node --import`) that does. There is no switch for it in the settings.
 */
export class TestSignal {
  private listener: ((detail: unknown) => Promise<void> | void) | undefined;

  constructor(readonly name: string) {
    TestSignal.all.set(name, this);
  }

  private static readonly all = new Map<string, TestSignal>();

  static named(name: string): TestSignal | undefined {
    return TestSignal.all.get(name);
  }

  /** Waits for whatever the listener wants; returns at once when nobody listens. */
  reached(detail?: unknown): Promise<void> | void {
    return this.listener?.(detail);
  }

  /** Calls `listener` at each arrival. Returns the way to stop listening. */
  listen(listener: (detail: unknown) => Promise<void> | void): () => void {
    this.listener = listener;
    return () => {
      this.listener = undefined;
    };
  }
}
