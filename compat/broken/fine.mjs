// parent: adds
export const use = () => 1 + 2
export const inClone = use
export const after = (values) => {
  if (values.some((value) => value !== 3)) throw new Error('wrong')
}
