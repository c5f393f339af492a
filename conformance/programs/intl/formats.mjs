const date = new Date(Date.UTC(2024, 1, 29, 12, 34, 56))
const format = (locale, options) =>
  new Intl.DateTimeFormat(locale, { timeZone: 'UTC', ...options }).format(date)
console.log(format('de', { dateStyle: 'full' }), '|', format('en-GB', { month: 'long', day: 'numeric' }))
console.log(new Intl.NumberFormat('de', { style: 'currency', currency: 'EUR' }).format(1234567.891))
console.log(new Intl.PluralRules('ar').select(3), new Intl.ListFormat('en').format(['a', 'b', 'c']))
console.log(['ä', 'z', 'a'].sort(new Intl.Collator('sv').compare), (12345.678).toLocaleString('en-IN'))
console.log(
  [...new Intl.Segmenter('en', { granularity: 'word' }).segment('two words')].length,
  'İ'.toLocaleLowerCase('tr'),
)
console.log(new Intl.RelativeTimeFormat('fr', { numeric: 'auto' }).format(-1, 'day'))
