import { Inject } from '@nestjs/common';
import {
  EnqueueOn,
  type Job,
  JobHandler,
  Mailer,
  NoPayload,
  SETTINGS,
  type Settings,
  type TaskContext,
} from '../../index.js';
import { DailyReports, type JobCounts } from './daily-report.js';
import { reportText } from './report-text.js';

const TIME_ZONE = 'Europe/Berlin';

export interface DailyReportResult {
  day: string;
  jobs: readonly JobCounts[];
  /** Fingerprints with open FailedTasks. */
  open: number;
  mailed: boolean;
}

/** Mails the admins yesterday's counts per job and what is still open, each morning at seven. */
@EnqueueOn('0 7 * * *', { timeZone: TIME_ZONE })
@JobHandler({ name: 'reports.daily', queue: 'low', payload: NoPayload })
export class DailyReportJob implements Job<NoPayload, DailyReportResult> {
  constructor(
    private readonly reports: DailyReports,
    private readonly mailer: Mailer,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  async run(_payload: NoPayload, task: TaskContext): Promise<DailyReportResult> {
    const report = await this.reports.of(new Date(), TIME_ZONE);
    const { appName, publicUrl } = this.settings;
    if (this.mailer.hasReaders) {
      // The same id for each execution of this task: a mailbox can tell a mail that was sent twice.
      await this.mailer.sendToAdmins({
        messageId: `reports.daily.${task.id}@${appName}`,
        subject: `[${appName}] report of ${report.day}`,
        ...reportText(report, publicUrl),
      });
    } else task.log('Nobody to write to: ADMINS is not set', 'warn');
    return { day: report.day, jobs: report.jobs, open: report.open.length, mailed: this.mailer.hasReaders };
  }
}
