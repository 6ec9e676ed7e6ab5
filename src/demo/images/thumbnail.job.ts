import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { z } from 'zod';
import { DoNotRetry, type Job, JobHandler, type TaskContext } from '../../index.js';
import { isStoragePath, Storage } from '../storage.js';

const ThumbnailPayload = z.strictObject({
  source: z.string().refine(isStoragePath, 'must be a path below STORAGE_DIR, such as photos/rocket.jpg'),
  widths: z.array(z.int().min(16).max(4_096)).min(1).max(12),
  format: z.enum(['webp', 'avif', 'jpeg', 'png']).default('webp'),
});
export type ThumbnailPayload = z.output<typeof ThumbnailPayload>;

export interface Thumbnail {
  /** Relative to STORAGE_DIR. */
  path: string;
  width: number;
  height: number;
  bytes: number;
}

export interface ThumbnailResult {
  files: Thumbnail[];
}

/** Makes an image smaller, once per width. Never larger: a width above the original's gives the original's. */
@JobHandler({ name: 'images.thumbnail', queue: 'high', payload: ThumbnailPayload, timeout: 300_000 })
export class ThumbnailJob implements Job<ThumbnailPayload, ThumbnailResult, ThumbnailResult> {
  constructor(private readonly storage: Storage) {}

  async run(payload: ThumbnailPayload, task: TaskContext<ThumbnailResult>): Promise<ThumbnailResult> {
    const source = await this.storage.existing(payload.source);
    const files = [...(task.lastCheckpoint?.files ?? [])];
    for (const [i, width] of payload.widths.entries()) {
      if (i < files.length) continue; // made by an earlier execution
      task.signal.throwIfAborted();
      files.push(await this.make(source, payload, width, `${task.id}-${String(task.execution)}`));
      await task.progress((100 * files.length) / payload.widths.length, `made ${String(width)} px`);
      await task.checkpoint({ files });
    }
    return { files };
  }

  // Written beside its place and then renamed: a run that is killed leaves no half of an image, and a second run changes
  // nothing. `run` names the draft: tasks side by side may make the same image.
  private async make(
    source: string,
    { source: name, format }: ThumbnailPayload,
    width: number,
    run: string,
  ): Promise<Thumbnail> {
    const relative = path.posix.join('thumbnails', name.replaceAll('\\', '/'), `${String(width)}.${format}`);
    const target = this.storage.place(relative);
    await mkdir(path.dirname(target), { recursive: true });
    await this.storage.existing(path.posix.dirname(relative)); // no link leads the folder out of the storage
    const draft = `${target}.${run}.tmp`;
    try {
      const made = await sharp(source)
        .rotate()
        .resize({ width, withoutEnlargement: true })
        .toFormat(format)
        .toFile(draft)
        .catch(asWish);
      await rename(draft, target);
      return { path: relative, width: made.width, height: made.height, bytes: made.size };
    } finally {
      await rm(draft, { force: true });
    }
  }
}

// A file that is no image stays none however often it is tried.
function asWish(error: unknown): never {
  if (
    error instanceof Error &&
    /unsupported image format|corrupt|premature end|bad seek|not a known file format/i.test(error.message)
  )
    throw new DoNotRetry(error);
  throw error;
}
