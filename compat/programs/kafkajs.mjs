// package: kafkajs
import 'kafkajs'
