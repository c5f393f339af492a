const order = []
setTimeout(() => order.push('20 ms'), 20)
setTimeout(() => order.push('10 ms'), 10)
setTimeout((...args) => order.push(`1 ms ${args}`), 1, 'a', 'b')
setTimeout(() => console.log(order.join(', ')), 40)
