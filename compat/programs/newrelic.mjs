// package: newrelic
// parent: records transactions, in serverless mode
// clone: records one
import assert from 'node:assert/strict'
import { differ } from './lib/ids.mjs'

Object.assign(process.env, {
  NEW_RELIC_APP_NAME: 'compat',
  NEW_RELIC_NO_CONFIG_FILE: 'true',
  NEW_RELIC_SERVERLESS_MODE_ENABLED: 'true',
  NEW_RELIC_ACCOUNT_ID: '1',
  NEW_RELIC_TRUSTED_ACCOUNT_KEY: '1',
  NEW_RELIC_LOG_ENABLED: 'false',
})
const { default: newrelic } = await import('newrelic')

export const { use, inClone, after } = differ(() =>
  newrelic.startBackgroundTransaction('use', async () => {
    const { traceId } = newrelic.getTraceMetadata()
    assert.match(traceId, /^[\da-f]{32}$/)
    return traceId
  }),
)
