import { Module } from '@nestjs/common';
import { MailModule } from '../index.js';
import { CsvImportJob } from './csv/csv-import.job.js';
import { CsvTables } from './csv/csv-tables.js';
import { ThumbnailJob } from './images/thumbnail.job.js';
import { DailyReports } from './reports/daily-report.js';
import { DailyReportJob } from './reports/daily-report.job.js';
import { Storage } from './storage.js';
import { GoneReceiver } from './webhook/gone-receiver.handler.js';
import { WebhookJob } from './webhook/webhook.job.js';

/** The jobs of the demo, real work each, a failure handler and a schedule. Replace this module by your own. */
@Module({
  imports: [MailModule],
  providers: [
    Storage,
    CsvTables,
    DailyReports,
    ThumbnailJob,
    CsvImportJob,
    WebhookJob,
    DailyReportJob,
    GoneReceiver,
  ],
})
export class DemoModule {}
