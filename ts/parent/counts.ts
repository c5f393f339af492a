/** Counts by name. */
export class Counts {
  readonly #counts = new Map<string, number>()

  /** Whether all counts are 0. */
  get isEmpty(): boolean {
    return this.#counts.size === 0
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0
  }

  add(name: string): void {
    this.#counts.set(name, this.of(name) + 1)
  }

  remove(name: string): void {
    const count = this.of(name) - 1
    if (count > 0) this.#counts.set(name, count)
    else this.#counts.delete(name)
  }

  clear(): void {
    this.#counts.clear()
  }
}
