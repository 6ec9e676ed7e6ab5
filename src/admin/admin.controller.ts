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
    if (!isFolder(url)) return fileOf('index.html', 'text/html; charset=utf-8');
    // The page looks for its files, and for REST, beside itself; behind a slash that would be one folder too deep.
    reply.status(302);
    reply.header('location', '../admin');
    return undefined;
  }

  /** Links in mails are paths; the page reads what it shows from behind the `#`. */
  @Get([...PLACES.keys(), 'failed-tasks/:id'])
  @Redirect()
  place(@Req() { url }: { readonly url: string }, @Param('id') id?: string): { url: string } {
    const parts = pathOf(url).split('/').filter(Boolean);
    const depth = (id === undefined ? 1 : 2) + (isFolder(url) ? 1 : 0);
    const hash = id === undefined ? PLACES.get(parts.at(-1) ?? '') : `failed/${encodeURIComponent(id)}`;
    return { url: `${'../'.repeat(depth)}admin#/${hash ?? 'overview'}` };
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

function pathOf(url: string): string {
  return url.split('?')[0] ?? '';
}

// What a path leads to by `..` depends on the slash at its end.
function isFolder(url: string): boolean {
  return pathOf(url).endsWith('/');
}
