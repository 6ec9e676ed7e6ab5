import type { Reporter, SerializedError, TestCase, TestModule, TestSuite } from 'vitest/node';

const SIGNS = { passed: '✓', failed: '✗', skipped: '-', pending: '?' } as const;

/** One line per test as it ends, the failures in full, and as the very last line of stdout `N passed, N failed`. */
export default class LineReporter implements Reporter {
  private readonly counts = { passed: 0, failed: 0, skipped: 0 };
  private readonly failures: string[] = [];
  onTestCaseResult(test: TestCase): void {
    const { state, errors } = test.result();
    const name = `${test.module.relativeModuleId} > ${test.fullName}`;
    if (state === 'failed') this.failed(name, errors);
    if (state === 'passed') this.counts.passed += 1;
    if (state === 'skipped') this.counts.skipped += 1;
    const { duration = 0, retryCount = 0 } = test.diagnostic() ?? {};
    const again = retryCount > 0 ? `, needed ${String(retryCount + 1)} tries` : '';
    print(
      `${SIGNS[state]} ${name}${state === 'skipped' ? '' : ` (${String(Math.round(duration))} ms${again})`}`,
    );
  }

  onTestSuiteResult(suite: TestSuite): void {
    this.brokenHook(`${suite.module.relativeModuleId} > ${suite.fullName} (suite)`, suite.errors());
  }

  onTestModuleEnd(module: TestModule): void {
    this.brokenHook(`${module.relativeModuleId} (file)`, module.errors());
  }

  onTestRunEnd(
    modules: readonly TestModule[],
    unhandled: readonly SerializedError[],
    reason: 'passed' | 'interrupted' | 'failed',
  ): void {
    if (unhandled.length > 0) this.brokenHook('outside of any test', unhandled);
    if (reason === 'interrupted') this.brokenHook('the run was interrupted', [{ message: 'interrupted' }]);
    if (modules.length === 0) this.brokenHook('no test file was found', [{ message: 'nothing to run' }]);
    for (const failure of this.failures) print(`\n${failure}`);
    const skipped = this.counts.skipped > 0 ? `, ${String(this.counts.skipped)} skipped` : '';
    print(`\n${String(this.counts.passed)} passed, ${String(this.counts.failed)} failed${skipped}`);
  }

  /** A hook or a file that could not be run hides tests: that counts as a failure, with a line of its own. */
  private brokenHook(name: string, errors: readonly SerializedError[]): void {
    if (errors.length === 0) return;
    this.failed(name, errors);
    print(`${SIGNS.failed} ${name}`);
  }

  private failed(
    name: string,
    errors: readonly { message: string; stack?: string | undefined; diff?: string | undefined }[] = [],
  ): void {
    this.counts.failed += 1;
    const texts = errors.map((error) => [headed(error), error.diff].filter(Boolean).join('\n'));
    this.failures.push(`FAILED ${name}\n${texts.join('\n')}`);
  }
}

/** A stack begins with the message; that of a timeout does not, and its message is all there is to know. */
function headed({ message, stack }: { message: string; stack?: string | undefined }): string {
  if (stack === undefined) return message;
  return stack.includes(message) ? stack : `${message}\n${stack}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
