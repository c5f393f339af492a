type Row = Readonly<Record<string, string | number | boolean>>

/** Prints rows with the same columns, numbers right-aligned. */
export function printTable(rows: readonly Row[]): void {
  const names = Object.keys(rows[0] ?? {})
  const width = (name: string) => Math.max(name.length, ...rows.map((row) => String(row[name]).length))
  const columns = names.map((name) => ({
    name,
    width: width(name),
    toTheRight: rows.every((row) => typeof row[name] === 'number'),
  }))
  const line = (texts: Readonly<Record<string, unknown>>) =>
    columns
      .map(({ name, width, toTheRight }) => {
        const text = String(texts[name])
        return toTheRight ? text.padStart(width) : text.padEnd(width)
      })
      .join('  ')
      .trimEnd()
  console.log(line(Object.fromEntries(names.map((name) => [name, name]))))
  for (const row of rows) console.log(line(row))
}
