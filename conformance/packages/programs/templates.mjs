import Handlebars from 'handlebars'
import nunjucks from 'nunjucks'

Handlebars.registerHelper('loud', (text) => text.toUpperCase())
console.log(
  Handlebars.compile('{{#each list}}{{loud this}} {{/each}}<{{html}}>')({ list: ['a', 'b'], html: '<b>' }),
)
console.log(
  nunjucks.renderString('{% for i in n %}{{ i }},{% endfor %}{{ x | upper }}', { n: [1, 2], x: 'y' }),
)
