import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../../harness/processes.js'

/** What one process raises and its clones wait for. It is a file, since they share no memory. */
export class Flag {
  readonly #folder = mkdtempSync(join(tmpdir(), 'qclone-'))
  readonly #file = join(this.#folder, 'raised')

  raise(): void {
    writeFileSync(this.#file, '')
  }

  untilRaised(what: string): Promise<void> {
    return until(what, () => this.isRaised)
  }

  get isRaised(): boolean {
    return existsSync(this.#file)
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true })
  }
}
