import semver from 'semver'

console.log(semver.satisfies('1.2.3', '^1.0.0'), semver.inc('1.2.3', 'minor'), semver.coerce('v2').version)
console.log(semver.rsort(['1.0.0', '2.0.0-rc.1', '1.10.0']), semver.validRange('>=1 <2 || 3'))
