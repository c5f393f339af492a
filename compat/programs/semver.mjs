// package: semver
// parent: compares versions
// clone: compares versions
import assert from 'node:assert/strict'
import semver from 'semver'

export const use = () => assert.equal(semver.maxSatisfying(['1.2.3', '1.10.0', '2.0.0'], '^1.2.0'), '1.10.0')
export const inClone = use
