export default {
  files: ['build/__test__/**/*.spec.js', '!build/__test__/{fixtures,helpers}/**'],
  // A process that forks may not hold threads: each test file gets a process of its own.
  workerThreads: false,
  concurrency: 2,
  timeout: '360s',
}
