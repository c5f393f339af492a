const live = []
for (let round = 0; round < 40; round++) {
  const garbage = Array.from({ length: 10_000 }, (_, i) => ({ round, i, text: `object ${i}` }))
  live.push(garbage[round])
  await null
}
console.log(
  live.length,
  live.reduce((sum, { round, i }) => sum + round + i, 0),
  live.at(-1).text,
)
