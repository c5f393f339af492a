import Database from 'better-sqlite3'
import { folder } from './support/folder.mjs'

const { file, remove } = folder()
for (const name of [':memory:', file('db')]) {
  const db = new Database(name)
  db.pragma('journal_mode = WAL')
  db.exec('create table t (id integer primary key, name text, blob blob)')
  const insert = db.prepare('insert into t (name, blob) values (@name, @blob)')
  db.transaction((names) => {
    for (const name of names) insert.run({ name, blob: Buffer.from(name) })
  })(['a', 'b', 'c'])
  db.function('double', (n) => n * 2)
  console.log(
    db.prepare('select double(count(*)) as n from t').get(),
    db.prepare('select name from t').pluck().all(),
  )
  try {
    db.prepare('insert into t (id) values (1)').run()
  } catch (error) {
    console.log(error.code)
  }
  db.close()
}
remove()
