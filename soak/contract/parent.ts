import { clones } from 'node-qclone'
import { children } from '../../harness/proc.js'
import { answerQuestions } from '../../harness/program.js'
import { type Standing, standing } from '../../harness/standing.js'
import { Soak, type SoakFigures } from './drive.js'
import { Scene, type SceneFigures } from './scene.js'

export type Question =
  | { ask: 'start'; folder: string }
  /** Makes clones for `ms`; with `wholeRound`, continues until there was one of each kind. */
  | { ask: 'soak'; rate: number; ms: number; wholeRound: boolean }
  /** Resources the parent holds while no clone is alive. */
  | { ask: 'standing' }
  | { ask: 'finish' }

/** Exactly one field is set, depending on the question. */
export interface Answer {
  started?: { port: number; pid: number }
  soak?: SoakFigures
  standing?: Standing
  finished?: SceneFigures & { childrenLeft: number; clonesListed: number }
}

/** Part that runs in its own process: the parent of the clones. */
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
      if (!scene || !soak) throw new Error(`Expected the question start first, got ${question.ask}`)
      return answer(question, scene, soak)
    })
  } finally {
    // No more questions: the program may have failed early.
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
