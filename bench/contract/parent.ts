import { clones } from 'node-qclone'
import { children } from '../lib/proc.js'
import { answerQuestions } from '../lib/program.js'
import { type Standing, standing } from '../lib/standing.js'
import { Scene, type SceneFigures } from './scene.js'
import { Soak, type SoakFigures } from './soak.js'

export type Question =
  | { ask: 'start'; folder: string }
  /** Clones for `ms`, and if `wholeRound` until there was one of each kind. */
  | { ask: 'soak'; rate: number; ms: number; wholeRound: boolean }
  /** What the parent holds, with no clone alive. */
  | { ask: 'standing' }
  | { ask: 'finish' }

/** One of these is there, by what was asked. */
export interface Answer {
  started?: { port: number; pid: number }
  soak?: SoakFigures
  standing?: Standing
  finished?: SceneFigures & { childrenLeft: number; clonesListed: number }
}

/** The part: the process that is cloned. */
export async function serveParent(): Promise<void> {
  let scene: Scene | undefined
  let soak: Soak | undefined
  try {
    await answerQuestions<Question, Answer>(async (question) => {
      if (question.ask === 'start') {
        scene = new Scene(question.folder)
        soak = new Soak(scene)
        return { started: { port: await scene.start(), pid: process.pid } }
      }
      if (!scene || !soak) throw new Error(`Expected to be asked to start, and not to ${question.ask}`)
      return answer(question, scene, soak)
    })
  } finally {
    // Nobody asks any more: the program may have failed before the end.
    await scene?.stop()
  }
}

async function answer(
  question: Exclude<Question, { ask: 'start' }>,
  scene: Scene,
  soak: Soak,
): Promise<Answer> {
  switch (question.ask) {
    case 'soak':
      await soak.go(question.rate, question.ms, question.wholeRound)
      return { soak: soak.figures() }
    case 'standing': {
      await soak.rest()
      await scene.pause()
      const now = await standing()
      scene.resume()
      return { soak: soak.figures(), standing: now }
    }
    case 'finish': {
      const figures = await scene.stop()
      return { finished: { ...figures, childrenLeft: children().length, clonesListed: clones().length } }
    }
  }
}
