// parent: fails without any clone
export const use = () => {
  throw new TypeError('no use')
}
