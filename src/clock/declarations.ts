import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { ScheduleRecords, type ScheduleDefinition } from '../ledger/index.js';
import { Postgres } from '../postgres/index.js';
import { Telemetry } from '../telemetry/index.js';
import { planDeclarations, type DeclarationStep } from './declaration-plan.js';

/** Brings what the code declares into the ledger. Done by each clock that begins to lead; one at a time. */
@Injectable()
export class Declarations {
  constructor(
    private readonly postgres: Postgres,
    private readonly records: ScheduleRecords,
    private readonly telemetry: Telemetry,
  ) {}

  /** When it resolves, the ledger says what the code says, or what a person said after it. */
  async sync(declared: readonly ScheduleDefinition[]): Promise<void> {
    const steps = await this.postgres.transaction(async (manager) => {
      const plan = planDeclarations(declared, await this.records.lockDeclared(manager));
      for (const step of plan) await this.carryOut(manager, step);
      return plan;
    });
    for (const step of steps) this.tell(step);
  }

  private async carryOut(manager: EntityManager, step: DeclarationStep): Promise<void> {
    switch (step.kind) {
      case 'put':
        await this.records.put(step.definition, { source: 'code', declaration: step.declaration }, manager);
        return;
      case 'ignore':
        await this.records.noteDeclaration(manager, step.name, step.declaration);
        return;
      case 'disable':
        await this.records.setEnabled(step.name, false, 'code', manager);
        await this.records.noteDeclaration(manager, step.name, null);
        return;
      case 'forget':
        await this.records.noteDeclaration(manager, step.name, null);
    }
  }

  private tell(step: DeclarationStep): void {
    switch (step.kind) {
      case 'put':
        this.telemetry.emit('schedule.declared', { schedule: step.definition.name, change: step.change });
        return;
      case 'ignore':
        this.telemetry.emit('schedule.declarationIgnored', { schedule: step.name });
        return;
      case 'disable':
        this.telemetry.emit('schedule.declarationGone', { schedule: step.name });
        return;
      case 'forget':
    }
  }
}
