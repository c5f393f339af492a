import type { Server } from 'node:http'

/**
Server written as users of its framework write one. All apps have the same routes: `GET /hello`, `HEAD /hello`,
`GET /json/ID`, `POST /upload`, `GET /download`, `GET /error`, `GET /compressed`, `GET /async`. Apart from the `Date`
header, an app's answers are the same each time.
*/
export interface App {
  readonly scheme: 'http' | 'https'
  /** Resolves when it listens. */
  start(port: number, host: string): Promise<Server>
}
