const COLOURS = [36, 33, 35, 32, 34, 31];

/** Prints the lines of several programs into one terminal, each with its name in front. */
export class Output {
  private readonly names = new Map<string, number>();

  constructor(private readonly width = 8) {}

  readonly line = (name: string, text: string): void => {
    process.stdout.write(`${this.prefix(name)} ${text}\n`);
  };

  private prefix(name: string): string {
    const plain = `${name.padEnd(this.width)} |`;
    if (!process.stdout.isTTY || (process.env.NO_COLOR ?? '') !== '') return plain;
    const index = this.names.get(name) ?? this.names.size;
    this.names.set(name, index);
    return `\u001B[${String(COLOURS[index % COLOURS.length])}m${plain}\u001B[0m`;
  }
}
