import { setMaxListeners } from 'node:events'
import { answerQuestions } from '../../harness/program.js'
import { throwBombs } from './bomber.js'
import type { Fate } from './come-back.js'
import { readSlowly } from './reader.js'
import { writeSlowly } from './writer.js'

/** Number of hostile clients of each kind. */
export interface Company {
  readonly readers: number
  readonly heads: number
  readonly bodies: number
  readonly longBodies: number
  readonly bombers: number
}

export type Kind = keyof Company
export type CompanyQuestion = { what: 'begin'; http: number; kdb: number } | { what: 'end' }
export type Fates = Readonly<Record<Kind, Fate>>

/** Part that runs in its own process: runs hostile clients from one question to the next. */
export async function keepCompany(company: Company): Promise<void> {
  const fates = Object.fromEntries(
    Object.keys(company).map((kind) => [kind, { came: 0, cutOff: 0, longestMs: 0 }]),
  ) as unknown as Fates
  let end = async () => {}
  await answerQuestions<CompanyQuestion, Fates>(async (question) => {
    await end()
    end = question.what === 'begin' ? begin(company, fates, question) : async () => {}
    return fates
  })
  await end()
}

/** Starts the hostile clients. @returns function that makes them leave. */
function begin(company: Company, fates: Fates, ports: { http: number; kdb: number }): () => Promise<void> {
  const leaving = new AbortController()
  const { signal } = leaving
  setMaxListeners(0, signal)
  const each = (kind: Kind, act: (fate: Fate, index: number) => Promise<void>) =>
    Array.from({ length: company[kind] }, (_, index) => act(fates[kind], index))
  const all = [
    // Every other one reads a byte now and then.
    ...each('readers', (fate, index) => readSlowly(ports.http, fate, signal, index % 2 === 1)),
    ...each('heads', (fate) => writeSlowly(ports.http, fate, signal, 'head')),
    ...each('bodies', (fate) => writeSlowly(ports.http, fate, signal, 'body')),
    ...each('longBodies', (fate) => writeSlowly(ports.http, fate, signal, 'longBody')),
    ...each('bombers', (fate) => throwBombs(ports.kdb, fate, signal)),
  ]
  return async () => {
    leaving.abort()
    await Promise.all(all)
  }
}
