import test from 'ava'

const exportsOf = test.macro({
  title: (_, name: string) => `${name} exports these values`,
  async exec(t, name: string, expected: string[]) {
    t.deepEqual(Object.keys(await import(name)), expected)
  },
})

test(exportsOf, 'node-qclone', [
  'HandlerChain',
  'ProtocolError',
  'QcloneError',
  'autoReap',
  'check',
  'cloneQueries',
  'cloneReaders',
  'cloneRequests',
  'cloneScope',
  'cloneSessions',
  'cloned',
  'clones',
  'configure',
  'connectBack',
  'createPool',
  'generation',
  'handlers',
  'inRequest',
  'isClone',
  'isQcloneError',
  'isReader',
  'memoryOf',
  'offload',
  'parentOnly',
  'reap',
  'reportProgress',
  'resident',
  'run',
  'snapshotAge',
  'spawn',
  'stopAll',
  'stream',
  'trackRequests',
  'unload',
  'warm',
])
test(exportsOf, 'node-qclone/kdb', [
  'QAtom',
  'QDict',
  'QError',
  'QFunction',
  'QKeyedTable',
  'QList',
  'QTable',
  'QTemporal',
  'kdb',
  'q',
  'request',
])
test(exportsOf, 'node-qclone/ndjson', ['ndjson'])
