/**
 * What all lanes of a process share: the bound on tasks that ended but are not recorded yet (they would run again after a
 * kill -9, so they must be few), and the seat of the one suspect (a task that took a worker down before: when this
 * process dies too, only that one is charged).
 */
export class ProcessLimits {
  private unrecordedCount = 0;
  private hasSuspect = false;
  private readonly roomListeners = new Set<() => void>();

  constructor(private readonly maxUnrecorded: number) {}

  get unrecorded(): number {
    return this.unrecordedCount;
  }

  /** Whether something new may start. */
  get mayStart(): boolean {
    return this.unrecordedCount < this.maxUnrecorded;
  }

  /** A task ended whose outcome is not committed yet. */
  ended(): void {
    this.unrecordedCount++;
  }

  /** Its outcome is committed. */
  recorded(): void {
    this.unrecordedCount--;
    if (this.unrecordedCount === this.maxUnrecorded - 1)
      for (const listener of this.roomListeners) listener();
  }

  /** Calls `listener` when something may start again. */
  onRoom(listener: () => void): () => void {
    this.roomListeners.add(listener);
    return () => this.roomListeners.delete(listener);
  }

  /** Takes the seat of the suspect; false if it is taken. */
  seatSuspect(): boolean {
    if (this.hasSuspect) return false;
    return (this.hasSuspect = true);
  }

  unseatSuspect(): void {
    this.hasSuspect = false;
  }
}
