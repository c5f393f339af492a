/** Function or class. */
export type Callable = ((...args: never[]) => unknown) | (abstract new (...args: never[]) => unknown)
