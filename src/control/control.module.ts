import { Module } from '@nestjs/common';
import { LedgerModule } from '../ledger/index.js';
import { DrainAnswers } from './drain-answers.js';
import { DrainChannel } from './drain-channel.js';
import { DrainRequest } from './drain-request.js';
import { DrainResponder } from './drain-responder.js';

/** Provides both sides of a drain. The app starts the responder, after the process has registered. */
@Module({
  imports: [LedgerModule],
  providers: [DrainChannel, DrainRequest, DrainAnswers, DrainResponder],
  exports: [DrainChannel, DrainRequest, DrainResponder],
})
export class ControlModule {}
