import { z } from 'zod'

const User = z
  .object({
    name: z.string().min(2),
    age: z.coerce.number().int().positive().optional(),
    tags: z.array(z.enum(['a', 'b'])).default([]),
  })
  .strict()
console.log(User.parse({ name: 'me', age: '7' }))
const { error } = User.safeParse({ name: 'x', tags: ['c'], more: 1 })
console.log(error.issues.map(({ code, path }) => [code, path]))
console.log(
  await z
    .string()
    .refine(async (text) => text === 'yes')
    .safeParseAsync('no')
    .then(({ success }) => success),
)
