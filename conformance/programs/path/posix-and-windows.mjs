import path from 'node:path'

console.log(
  path.join('/a', '..', 'b', './c/'),
  path.resolve('/x', 'y', '../z'),
  path.relative('/a/b/c', '/a/d'),
)
console.log(path.parse('/home/me/file.tar.gz'), path.format({ dir: '/d', name: 'n', ext: '.e' }))
console.log(
  path.win32.join('C:\\x', '..', 'y'),
  path.posix.isAbsolute('a'),
  path.extname('.profile'),
  path.basename('/q/r.js', '.js'),
)
console.log(path.resolve('here') === path.join(process.cwd(), 'here'), path.normalize('a//b/../c/.'))
