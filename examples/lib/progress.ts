const BAR_WIDTH = 30

/** Shows progress on stderr: one line that is overwritten on a terminal, plain lines elsewhere. */
export class Progress {
  readonly #terminal = process.stderr.isTTY

  /** Announces a step that may take a while. */
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
