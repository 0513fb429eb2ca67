"""The claims of the first plan, each with a test that can fail; `docs/lifecycle.md` says which test shows which.

A package, so that its modules share the processes that they start.
"""
