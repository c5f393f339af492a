// package: cls-hooked
// parent: keeps values through asynchronous calls
// clone: does so too
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import cls from 'cls-hooked'

const namespace = cls.createNamespace('compat')

export const use = () =>
  namespace.runAndReturn(async () => {
    namespace.set('id', 3)
    await delay(1)
    assert.equal(namespace.get('id'), 3)
  })
export const inClone = use
