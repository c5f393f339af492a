// node:sqlite is Node's own, from 22 on; on Node 20 there is nothing to try.
const sqlite = await import('node:sqlite').catch(() => undefined)
if (sqlite) {
  const db = new sqlite.DatabaseSync(':memory:')
  db.exec('create table t (n integer, s text)')
  const insert = db.prepare('insert into t values (?, ?)')
  for (let i = 0; i < 100; i++) insert.run(i, `s${i}`)
  console.log({ ...db.prepare('select sum(n) as total, max(s) as last from t').get() })
  db.close()
}
console.log('over')
process.removeAllListeners('warning')
