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

/**
Undoes the redefinition of a property.

@param own the object's own property from before; `undefined` if it had none, so that the inherited one shows again.
*/
export function restoreOwn(object: object, name: PropertyKey, own: PropertyDescriptor | undefined): void {
  if (own) define(object, name, own)
  else Reflect.deleteProperty(object, name)
}

/** Returns a copy of a descriptor that has no prototype. */
export function inheritingNothing(descriptor: PropertyDescriptor): PropertyDescriptor {
  return { __proto__: null, ...descriptor } as PropertyDescriptor
}
