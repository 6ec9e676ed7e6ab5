import { type INestApplication, Injectable } from '@nestjs/common';
import type { OpenAPIObject } from '@nestjs/swagger';
import { JobRegistry } from '../../jobs/index.js';
import { NotFoundError } from '../errors/request-errors.js';
import { openApiDocument } from './openapi.js';

/** The OpenAPI document, made when it is first asked for; the app is given by whoever made it. */
@Injectable()
export class ApiDocument {
  private app: INestApplication | null = null;
  private document: OpenAPIObject | null = null;

  constructor(private readonly jobs: JobRegistry) {}

  describe(app: INestApplication): void {
    this.app = app;
  }

  /** Throws `NotFoundError` inside a host app that did not call `describe`: it has a document of its own. */
  get(): OpenAPIObject {
    if (this.app === null) throw new NotFoundError('document here');
    return (this.document ??= openApiDocument(this.app, this.jobs.all()));
  }
}
