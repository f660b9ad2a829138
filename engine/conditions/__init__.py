"""The condition language: one JSON tree, parsed once, answered by several agreeing evaluators.

`parse` reads and refuses, `evaluate` is the meaning, `compile` is the same as fast closures,
`scope` tells what a condition reads, `describe` says it in English.
"""
