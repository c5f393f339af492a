// package: xlsx
// parent: writes and reads sheets
// clone: writes and reads sheets
import assert from 'node:assert/strict'
import xlsx from 'xlsx'

export function use() {
  const book = xlsx.utils.book_new()
  xlsx.utils.book_append_sheet(book, xlsx.utils.json_to_sheet([{ a: 1, b: 'x' }]), 'rows')
  const bytes = xlsx.write(book, { type: 'buffer', bookType: 'xlsx' })
  assert.deepEqual(xlsx.utils.sheet_to_json(xlsx.read(bytes).Sheets.rows), [{ a: 1, b: 'x' }])
}
export const inClone = use
