// package: pdfkit
// parent: writes documents
// clone: writes one
import assert from 'node:assert/strict'
import { buffer } from 'node:stream/consumers'
import PDFDocument from 'pdfkit'

export async function use() {
  const document = new PDFDocument()
  document.fontSize(20).text('hello')
  document.end()
  assert.equal((await buffer(document)).toString('latin1', 0, 5), '%PDF-')
}
export const inClone = use
