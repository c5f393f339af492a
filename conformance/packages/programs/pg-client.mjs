import pg from 'pg'

const client = new pg.Client()
await client.connect()
console.log((await client.query('select $1::int + 1 as n, $2::jsonb as j', [41, { a: [1] }])).rows)
await client.query('create temp table t (id serial primary key, name text, at timestamptz)')
const inserted = await client.query(
  "insert into t (name, at) values ('a', '2020-01-02Z'), ('b', null) returning *",
)
console.log(inserted.rowCount, inserted.rows)
console.log(await client.query('select * from nowhere').catch(({ code, message }) => [code, message]))
console.log(
  (await client.query({ name: 'by-id', text: 'select name from t where id = $1', values: [2] })).rows,
)
await client.end()
