import { Random } from '../../harness/random.js'
import { DOORS, type Kind } from './doors.js'
import { httpScript } from './http-script.js'
import type { Script } from './script.js'
import { talkScript } from './talk-script.js'

let plays = 0

/**
Generates the script of a kind and a seed, such as `http:1`, for one play. Plays differ only in their own number.
*/
export function generate(id: string): Script {
  const [kind, seed] = id.split(':') as [Kind, string]
  const script = Number(seed)
  const random = new Random(script, 0)
  const doors = DOORS.filter((door) => door.kind === kind)
  const door = random.pick(doors)
  const owner = { script, play: plays++ }
  return door.speaks === undefined
    ? httpScript(kind, door, owner, random)
    : talkScript(kind, door, owner, random)
}
