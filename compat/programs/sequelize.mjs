// package: sequelize
// with: pg pg-hstore
// parent: creates records in PostgreSQL
// clone: creates one by an instance of its own
import assert from 'node:assert/strict'
import { DataTypes, Sequelize } from 'sequelize'
import { unique } from './lib/http.mjs'
import { postgres } from './lib/services.mjs'

const { user: username, ...rest } = await postgres()
function connect() {
  const sequelize = new Sequelize({ dialect: 'postgres', username, ...rest, logging: false })
  return sequelize.define('event', { id: { type: DataTypes.STRING, primaryKey: true } })
}
const Event = connect()
await Event.sync()
async function create(Event) {
  const { id } = await Event.create({ id: unique() })
  assert.equal((await Event.findByPk(id)).id, id)
}

export const use = () => create(Event)
export const inClone = () => create(connect())
