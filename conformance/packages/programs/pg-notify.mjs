import { once } from 'node:events'
import pg from 'pg'

const [listener, notifier] = [new pg.Client(), new pg.Client()]
await Promise.all([listener.connect(), notifier.connect()])
const channel = `c${process.pid}`
await listener.query(`listen ${channel}`)
const told = once(listener, 'notification')
await notifier.query('select pg_notify($1, $2)', [channel, 'news'])
console.log((await told)[0].payload)
await Promise.all([listener.end(), notifier.end()])
