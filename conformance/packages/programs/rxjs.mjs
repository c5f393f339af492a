import {
  bufferCount,
  concatMap,
  from,
  interval,
  lastValueFrom,
  map,
  merge,
  Subject,
  take,
  timer,
  toArray,
} from 'rxjs'

console.log(
  await lastValueFrom(
    interval(2).pipe(
      take(5),
      map((n) => n * n),
      toArray(),
    ),
  ),
)
console.log(
  await lastValueFrom(
    from([1, 2, 3, 4, 5]).pipe(
      concatMap((n) => timer(1).pipe(map(() => n))),
      bufferCount(2),
      toArray(),
    ),
  ),
)
const subject = new Subject()
const seen = []
const subscription = merge(subject, from(['first'])).subscribe((value) => seen.push(value))
subject.next('second')
subscription.unsubscribe()
subject.next('third')
console.log(seen)
