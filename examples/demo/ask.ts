import { setImmediate as nextTurn } from 'node:timers/promises'

import { memoryOf, run } from 'node-qclone'

import { type Answer, analyse } from '../lib/queries.js'
import type { FlightTable } from '../lib/table.js'

export interface Reply {
  answer: Answer
  /** Process that answered. */
  pid: number
  /** Memory of the clone at the end of its work, in bytes. */
  memory?: { uss: number; pss: number }
}

export type Ask = (table: FlightTable) => Promise<Reply>

/** Answers in this process, in a separate turn. */
export async function askInProcess(table: FlightTable): Promise<Reply> {
  await nextTurn()
  return { answer: analyse(table), pid: process.pid }
}

/** Answers in a clone, from the table as it was at the fork. */
export function askClone(table: FlightTable): Promise<Reply> {
  return run(answerInClone, table)
}

function answerInClone(table: FlightTable): Reply {
  const answer = analyse(table)
  const { uss, pss } = memoryOf(process.pid)
  return { answer, pid: process.pid, memory: { uss, pss } }
}
