import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Get, Header, Param, StreamableFile } from '@nestjs/common';
import { ApiExcludeController, type OpenAPIObject } from '@nestjs/swagger';
import { Rules } from '../access/access.js';
import { RestController } from '../access/rest.controller.decorator.js';
import { NotFoundError } from '../errors/request-errors.js';
import { ApiDocument } from './api-document.js';

/** What Swagger UI needs, out of the package that @nestjs/swagger brings. */
const ASSETS: ReadonlyMap<string, string> = new Map([
  ['swagger-ui.css', 'text/css; charset=utf-8'],
  ['swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
  ['favicon-32x32.png', 'image/png'],
]);

const PAGE = `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>Shiftwork API</title>
  <link rel="stylesheet" href="/docs/assets/swagger-ui.css">
  <link rel="icon" href="/docs/assets/favicon-32x32.png">
</head>
<body>
  <div id="ui"></div>
  <script src="/docs/assets/swagger-ui-bundle.js"></script>
  <script>SwaggerUIBundle({ url: '/docs-json', dom_id: '#ui', persistAuthorization: true });</script>
</body>
</html>
`;

/** The surface described for people (/docs) and machines (/docs-json). */
@ApiExcludeController()
@RestController('')
export class DocsController {
  constructor(private readonly document: ApiDocument) {}

  @Get('docs')
  @Rules({ access: 'docs' })
  @Header('content-type', 'text/html; charset=utf-8')
  page(): string {
    return PAGE;
  }

  @Get('docs-json')
  @Rules({ access: 'docs' })
  json(): OpenAPIObject {
    return this.document.get();
  }

  // The same files for everybody in the world: nothing to protect.
  @Get('docs/assets/:file')
  @Rules({ access: 'open' })
  @Header('cache-control', 'public, max-age=86400')
  async asset(@Param('file') file: string): Promise<StreamableFile> {
    const type = ASSETS.get(file);
    if (type === undefined) throw new NotFoundError('file of this name');
    return new StreamableFile(await readFile(path.join(swaggerUiFolder(), file)), { type });
  }
}

function swaggerUiFolder(): string {
  const swagger = createRequire(createRequire(import.meta.url).resolve('@nestjs/swagger'));
  return path.dirname(swagger.resolve('swagger-ui-dist/package.json'));
}
