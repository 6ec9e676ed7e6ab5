/** What the demo reads of a task. The whole shape is in `GET /docs`. */
export interface TaskSeen {
  id: string;
  job: string;
  status: string;
  progress: { percent: number; message: string | null };
  interruptions: number;
  checkpoint: unknown;
  result: unknown;
  error: { message: string } | null;
  executions?: { number: number; outcome: string; worker: string | null }[];
}

export const FINAL: readonly string[] = ['FINISHED', 'FAILED', 'CANCELLED'];

/** Shiftwork's REST API, as any program would use it: fetch and JSON. */
export class Rest {
  constructor(readonly base: string) {}

  async enqueue(job: string, payload: unknown): Promise<TaskSeen> {
    return this.json<TaskSeen>(`/jobs/${job}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ payload }),
    });
  }

  async task(id: string): Promise<TaskSeen> {
    return this.json<TaskSeen>(`/tasks/${id}`);
  }

  async isReady(): Promise<boolean> {
    const response = await fetch(`${this.base}/health/ready`).catch(() => undefined);
    return response?.ok === true;
  }

  /** How many workers are on the roll. */
  async workers(): Promise<number> {
    const { items } = await this.json<{ items: { roles: string[]; state: string }[] }>('/processes');
    return items.filter((it) => it.roles.includes('worker') && it.state === 'running').length;
  }

  /** Server-sent events of a task: calls `see` with each state and each progress, and resolves when the task has ended. */
  async follow(id: string, see: (task: Partial<TaskSeen>) => void, signal: AbortSignal): Promise<void> {
    const response = await fetch(`${this.base}/tasks/${id}/events`, {
      headers: { accept: 'text/event-stream' },
      signal,
    });
    if (!response.ok || response.body === null)
      throw new Error(`GET /tasks/${id}/events answered ${String(response.status)}`);
    let text = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const events = text.split('\n\n');
      text = events.pop() ?? '';
      for (const event of events) hear(event, see);
    }
  }

  private async json<T>(path: string, init?: RequestInit): Promise<T> {
    const response = await fetch(this.base + path, { ...init, signal: AbortSignal.timeout(10_000) });
    const body: unknown = await response.json();
    if (!response.ok)
      throw new Error(
        `${init?.method ?? 'GET'} ${path} answered ${String(response.status)}: ${JSON.stringify(body)}`,
      );
    return body as T; // our own API's shapes
  }
}

function hear(event: string, see: (task: Partial<TaskSeen>) => void): void {
  const kind = /^event: (.*)$/m.exec(event)?.[1];
  const data = /^data: (.*)$/m.exec(event)?.[1];
  if (data === undefined) return;
  const value = JSON.parse(data) as TaskSeen & TaskSeen['progress']; // our own API's shapes
  if (kind === 'status') see(value);
  if (kind === 'progress') see({ progress: value });
}
