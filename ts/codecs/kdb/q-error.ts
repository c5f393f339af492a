import { brand } from '../../types/brand.js'

/**
Error that a kdb+ server answered with. Its message is q's text, such as `type` or `length`, which q shows as `'type`.

@example
```js
import { QError } from 'node-qclone/kdb'

const isMissing = (error) => error instanceof QError && error.message === 'trade'
```
*/
export class QError extends Error {
  /** Always `'QError'`. */
  override readonly name = 'QError'
}

brand(QError, 'QError')
