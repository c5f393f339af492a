import knex from 'knex'

const db = knex({ client: 'pg', connection: {}, pool: { min: 0, max: 2 } })
const sum = await db.transaction(async (trx) => {
  await trx.raw('create temp table items (name text, price int) on commit drop')
  await trx('items').insert([
    { name: 'a', price: 1 },
    { name: 'b', price: 2 },
  ])
  await trx('items').where('name', 'a').update({ price: 10 })
  return trx('items').sum('price as total').first()
})
console.log(sum, db('items').where({ name: 'a' }).orderBy('price').toString())
await db.destroy()
