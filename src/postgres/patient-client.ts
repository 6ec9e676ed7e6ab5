import { Client, type ClientConfig } from 'pg';

/**
 * A client of pg that waits at most `limitMs` (ms) for an answer, and then closes its connection: nobody knows what it will say
 * next. A server that is frozen, or behind a lost route, keeps its connections and says nothing, and whoever asked would wait as
 * long as TCP does: a quarter of an hour, or for ever.
 *
 * `query_timeout` of pg would reject the question alone, and leave its connection in the pool for the next one.
 */
export function patientClient(limitMs: number): typeof Client {
  return class extends Client {
    constructor(config?: string | ClientConfig) {
      super(config);
      const ask = this.query.bind(this) as (...asked: unknown[]) => unknown;
      // The cast: it has many shapes, and all of them answer what `ask` does.
      this.query = ((...asked: unknown[]) => this.inTime(ask(...asked))) as Client['query'];
    }

    private inTime(answer: unknown): unknown {
      if (!(answer instanceof Promise)) return answer; // a stream, or somebody who is called back
      const timer = setTimeout(() => this.connection.stream.destroy(), limitMs);
      const answered = (): void => {
        clearTimeout(timer);
      };
      answer.then(answered, answered);
      return answer;
    }
  };
}
