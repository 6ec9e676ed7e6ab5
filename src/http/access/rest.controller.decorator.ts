import { applyDecorators, Controller, UseFilters, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { ProblemDetailsFilter } from '../errors/problem-details.filter.js';
import { RestGuard } from './rest.guard.js';

/** A controller of ours: guarded, and answering errors as problems, also inside somebody else's app. */
export function RestController(path: string): ClassDecorator {
  return applyDecorators(
    Controller(path),
    UseGuards(RestGuard),
    UseFilters(ProblemDetailsFilter),
    ApiTags(path.split('/')[0] ?? path),
    ApiBearerAuth(),
  );
}
