#!/usr/bin/env node
import 'reflect-metadata';
import { start } from './app/index.js';
import { environment } from './config/index.js';
import { DemoModule } from './demo/index.js';

await start(process.argv.slice(2), environment, { imports: [DemoModule] });
