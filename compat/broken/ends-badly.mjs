// parent: adds
export const use = () => 1 + 2
export const inClone = () => {
  process.once('exit', () => process.exit(3))
}
