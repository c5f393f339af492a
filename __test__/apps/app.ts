import type { Server } from 'node:http'

/**
A server as users of its framework write it. All have the same routes: `GET /hello`, `HEAD /hello`,
`GET /json/ID`, `POST /upload`, `GET /download`, `GET /error`, `GET /compressed`, `GET /async`. What an app answers
is the same each time, but for the `Date` header.
*/
export interface App {
  readonly scheme: 'http' | 'https'
  /** Comes back when it listens. */
  start(port: number, host: string): Promise<Server>
}
