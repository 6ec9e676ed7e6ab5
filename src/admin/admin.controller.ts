import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Controller, Get, Header, NotFoundException, Param, Redirect, StreamableFile } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';

const PUBLIC = path.join(import.meta.dirname, 'public');

const TYPES: ReadonlyMap<string, string> = new Map([
  ['app.js', 'text/javascript; charset=utf-8'],
  ['style.css', 'text/css; charset=utf-8'],
]);

/** The page's own files are all that it may load, and nobody may frame it. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/**
 * The dashboard: static files that speak REST. They hold no data, so they are open to everybody; what the page shows it
 * asks for with the token of whoever looks.
 */
@ApiExcludeController()
@Controller('admin')
export class AdminController {
  @Get()
  @Header('content-security-policy', POLICY)
  @Header('cache-control', 'no-cache')
  async page(): Promise<StreamableFile> {
    return fileOf('index.html', 'text/html; charset=utf-8');
  }

  /** Links in mails are paths; the page reads what it shows from behind the `#`. */
  @Get(['failed-tasks', 'failed-tasks/:id'])
  @Redirect()
  failed(@Param('id') id?: string): { url: string } {
    return id === undefined
      ? { url: '../admin#/failed' }
      : { url: `../../admin#/failed/${encodeURIComponent(id)}` };
  }

  @Get(':file')
  @Header('cache-control', 'no-cache')
  async file(@Param('file') name: string): Promise<StreamableFile> {
    const type = TYPES.get(name);
    if (type === undefined) throw new NotFoundException(`There is no file ${name} here.`);
    return fileOf(name, type);
  }
}

async function fileOf(name: string, type: string): Promise<StreamableFile> {
  return new StreamableFile(await readFile(path.join(PUBLIC, name)), { type });
}
