// parent: adds
export const use = () => 1 + 2
export const inClone = () => {
  throw new RangeError('not here')
}
