import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { DoNotRetry, SETTINGS, type Settings } from '../index.js';

/** Files below STORAGE_DIR, and no way out of it: not by `..`, not by an absolute path, not by a symbolic link. */
@Injectable()
export class Storage {
  constructor(@Inject(SETTINGS) private readonly settings: Settings) {}

  /**
   * The absolute path of something that exists. Throws `DoNotRetry` when it lies outside, and the file system's own error
   * (retried: an upload may be late) when it is not there.
   */
  async existing(relative: string): Promise<string> {
    const root = await realpath(this.settings.storageDir);
    const wanted = path.resolve(root, relative);
    if (!isBelow(root, wanted)) throw outside(relative);
    const real = await realpath(wanted);
    if (!isBelow(root, real)) throw outside(relative);
    return real;
  }

  /** Where a new file goes. Its folder is not made. */
  place(...relative: string[]): string {
    const root = path.resolve(this.settings.storageDir);
    const wanted = path.resolve(root, ...relative);
    if (!isBelow(root, wanted)) throw outside(path.join(...relative));
    return wanted;
  }
}

function isBelow(root: string, file: string): boolean {
  const relative = path.relative(root, file);
  return (
    relative !== '' &&
    relative !== '..' &&
    !relative.startsWith(`..${path.sep}`) &&
    !path.isAbsolute(relative)
  );
}

function outside(relative: string): DoNotRetry {
  return new DoNotRetry(new Error(`"${relative}" is not below STORAGE_DIR`));
}

/** What a payload may name as a file: relative, without `..`, no NUL. Links are checked when the job runs. */
export function isStoragePath(text: string): boolean {
  return (
    text !== '' &&
    text.length <= 1_000 &&
    !text.includes('\0') &&
    !path.isAbsolute(text) &&
    !text.split(/[\\/]/).includes('..')
  );
}
