import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { type Browser, chromium, type Page } from 'playwright-core';

const UNPACK = path.join(import.meta.dirname, 'unpack-browser.js');

/** A real Chromium, in a folder of its own. */
export class TestBrowser {
  private constructor(
    private readonly browser: Browser,
    private readonly folder: string,
  ) {}

  static async open(): Promise<TestBrowser> {
    const folder = await mkdtemp(path.join(tmpdir(), 'shiftwork-browser-'));
    // It comes packed in an npm package, since nothing else may be downloaded. The libraries that a slim machine lacks are
    // unpacked only where it believes to be one of Amazon's.
    const { stdout: executablePath } = await promisify(execFile)(process.execPath, [UNPACK], {
      env: { ...process.env, TMPDIR: folder, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs20.x' },
    });
    const browser = await chromium.launch({
      executablePath,
      args: ['--no-sandbox'], // root has none, nor has everybody else everywhere; it opens nothing but our page
      env: {
        ...process.env,
        LD_LIBRARY_PATH: path.join(folder, 'al2023', 'lib'),
        FONTCONFIG_PATH: path.join(folder, 'fonts'),
      },
    });
    return new TestBrowser(browser, folder);
  }

  /** A tab with a session of its own, and whatever its console complained of. */
  async tab(): Promise<{ page: Page; complaints: string[] }> {
    const page = await (await this.browser.newContext()).newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    return { page, complaints };
  }

  async close(): Promise<void> {
    await this.browser.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}
