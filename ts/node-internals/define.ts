/**
Defines a property, or redefines it. The descriptor inherits nothing: other code may give `Object.prototype` a `get` or
a `value`, which would be mistaken for the descriptor's.

@throws {TypeError} if the property cannot be defined.
*/
export function define(object: object, name: PropertyKey, descriptor: PropertyDescriptor): void {
  Object.defineProperty(object, name, inheritingNothing(descriptor))
}

/** Like {@link define}, but returns whether the property could be defined. */
export function tryToDefine(object: object, name: PropertyKey, descriptor: PropertyDescriptor): boolean {
  return Reflect.defineProperty(object, name, inheritingNothing(descriptor))
}

/** Returns a copy of a descriptor that has no prototype. */
export function inheritingNothing(descriptor: PropertyDescriptor): PropertyDescriptor {
  return { __proto__: null, ...descriptor } as PropertyDescriptor
}
