"""Documents as text: each function takes the document that `--json` prints, and gives lines.

Pure: what a line needs beyond the document comes with the `Page`. Whatever users named or wrote is shown with its
control characters escaped, so no table, file or column name can drive the terminal.
"""
