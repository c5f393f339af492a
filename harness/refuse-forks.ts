import { configure } from 'node-qclone'

/** More than any machine has for a clone. */
const TOO_MUCH_BYTES = 2 ** 50

/** Refuses every fork, as if the machine had too little memory. @returns a function that allows forks again. */
export function refuseForks(): () => void {
  const { memoryPerClone } = configure()
  configure({ memoryPerClone: TOO_MUCH_BYTES })
  return () => void configure({ memoryPerClone })
}
