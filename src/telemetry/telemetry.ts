import { EVENTS, type EmittedEvent, type EventName, type FieldsOf } from './events.js';

export type Sink = (event: EmittedEvent) => void;

/**
 * The one call the other rooms make: `telemetry.emit('task.finished', { … })`. Logs, metrics and tests are sinks.
 * Never pass a payload, a result, a token or an address as a field. A sink that throws is the sink's own trouble:
 * emitting never throws.
 */
export class Telemetry {
  private readonly sinks = new Set<Sink>();

  /** Adds a reader. Returns the way to remove it. */
  addSink(sink: Sink): () => void {
    this.sinks.add(sink);
    return () => this.sinks.delete(sink);
  }

  emit<N extends EventName>(name: N, fields: FieldsOf<N>): void {
    const { level, sentence } = EVENTS[name];
    const event: EmittedEvent = {
      name,
      level,
      sentence,
      fields: fields as Readonly<Record<string, unknown>>,
    };
    for (const sink of this.sinks) {
      try {
        sink(event);
      } catch {
        // A broken sink must not break the work it reports on, and there is nowhere left to report it to.
      }
    }
  }
}
