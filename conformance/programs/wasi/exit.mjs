import { WASI } from 'node:wasi'

process.removeAllListeners('warning')
const wasi = new WASI({ version: 'preview1', args: ['a'], env: { B: 'c' } })
console.log(
  Object.keys(wasi.wasiImport).includes('fd_write'),
  typeof wasi.getImportObject().wasi_snapshot_preview1,
)
