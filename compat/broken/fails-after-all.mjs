// parent: finds that a clone has sent again what it had sent
export const use = () => {}
export const after = () => {
  throw new Error('sent twice')
}
