/**
Marks the instances of a class with a symbol that all copies of the package share, and makes `instanceof` look for it. A
process can have two versions, or one copy in each vm context.

@param name Name of the class. A bundler may have changed the `name` of the class itself.
@returns a function that returns whether a value is an instance, of any copy.
*/
export function brand<T extends object>(
  type: abstract new (...args: never[]) => T,
  name: string,
): (value: unknown) => value is T {
  const mark = Symbol.for(`node-qclone.${name}`)
  const has = (value: unknown): value is T => typeof value === 'object' && value !== null && mark in value
  Object.defineProperty(type.prototype, mark, { value: true })
  Object.defineProperty(type, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      // Subclasses inherit this method, and need the ordinary check.
      return this === type ? has(value) : Reflect.apply(hasInstance, this, [value])
    },
  })
  return has
}

const hasInstance = Function.prototype[Symbol.hasInstance]
