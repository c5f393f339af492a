const BAR_WIDTH = 30

/** Tells on stderr how far an example is: one line that is drawn over on a terminal, plain lines elsewhere. */
export class Progress {
  readonly #terminal = process.stderr.isTTY

  /** A step that may last: says so before it starts. */
  step(text: string): void {
    process.stderr.write(`${text}\n`)
  }

  bar(fraction: number, text: string): void {
    const done = fraction >= 1
    if (!this.#terminal) {
      if (done) this.step(text)
      return
    }
    const filled = Math.round(Math.min(fraction, 1) * BAR_WIDTH)
    const bar = '#'.repeat(filled) + '.'.repeat(BAR_WIDTH - filled)
    process.stderr.write(`\r[${bar}] ${text}\u001B[K${done ? '\n' : ''}`)
  }
}
