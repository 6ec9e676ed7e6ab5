import { Module } from '@nestjs/common';
import { AdminController } from './admin.controller.js';

/** Serves the dashboard under /admin. */
@Module({ controllers: [AdminController] })
export class AdminModule {}
