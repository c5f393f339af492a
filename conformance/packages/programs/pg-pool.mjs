import pg from 'pg'

const pool = new pg.Pool({ max: 3, idleTimeoutMillis: 1000 })
const rows = await Promise.all(
  Array.from({ length: 9 }, async (_, i) => (await pool.query('select $1::int * 2 as n', [i])).rows[0].n),
)
console.log(rows, pool.totalCount <= 3)
const client = await pool.connect()
try {
  await client.query('begin')
  await client.query('create temp table t (n int) on commit drop')
  await client.query('insert into t select generate_series(1, 1000)')
  console.log((await client.query('select sum(n)::int from t')).rows)
  await client.query('rollback')
} finally {
  client.release()
}
console.log(await pool.query('select pg_sleep(0.02), 1 as one').then(({ rows }) => rows[0].one))
await pool.end()
