/** Latest entries, newest first. */
export class Log<T> {
  readonly #most: number
  #entries: T[] = []

  constructor(most: number) {
    this.#most = most
  }

  get entries(): readonly T[] {
    return this.#entries
  }

  add(entry: T): void {
    this.#entries = [entry, ...this.#entries.slice(0, this.#most - 1)]
  }
}
