function collatz(n) {
  let steps = 0
  while (n !== 1) {
    n = n % 2 ? 3 * n + 1 : n / 2
    steps++
  }
  return steps
}
let longest = 0
for (let n = 1; n < 60_000; n++) if (collatz(n) > collatz(longest || 1)) longest = n
console.log(longest, collatz(longest))
