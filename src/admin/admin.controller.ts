import { readFile } from 'node:fs/promises';
import path from 'node:path';
import {
  Controller,
  Get,
  Header,
  NotFoundException,
  Param,
  Redirect,
  Req,
  Res,
  StreamableFile,
} from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';

/** What Fastify's and Express' replies have in common, as far as it is needed here. */
interface Reply {
  status(code: number): unknown;
  header(name: string, value: string): unknown;
}

const PUBLIC = path.join(import.meta.dirname, 'public');

const TYPES: ReadonlyMap<string, string> = new Map([
  ['app.js', 'text/javascript; charset=utf-8'],
  ['style.css', 'text/css; charset=utf-8'],
]);

/** What REST and mails call a thing, and what the page does. */
const PLACES: ReadonlyMap<string, string> = new Map([
  ['failed-tasks', 'failed'],
  ['queues', 'overview'],
  ['processes', 'overview'],
  ['tasks', 'tasks'],
  ['schedules', 'schedules'],
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
  async page(
    @Req() { url }: { readonly url: string },
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<StreamableFile | undefined> {
    if (!/\/(\?|$)/.test(url)) return fileOf('index.html', 'text/html; charset=utf-8');
    // The page looks for its files, and for REST, beside itself; behind a slash that would be one folder too deep.
    reply.status(302);
    reply.header('location', '../admin');
    return undefined;
  }

  /** Links in mails are paths; the page reads what it shows from behind the `#`. */
  @Get([...PLACES.keys(), 'failed-tasks/:id'])
  @Redirect()
  place(@Req() { url }: { readonly url: string }, @Param('id') id?: string): { url: string } {
    const [path = ''] = url.split('?');
    const folders = path.slice(path.lastIndexOf('/admin/') + '/admin/'.length).split('/');
    const hash = id === undefined ? PLACES.get(folders[0] ?? '') : `failed/${encodeURIComponent(id)}`;
    return { url: `${'../'.repeat(folders.length)}admin#/${hash ?? 'overview'}` };
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
