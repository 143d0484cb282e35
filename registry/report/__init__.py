"""The report of an evaluation: one page for people, and a summary for a CI job.

business    what a promotion would change: frauds caught, money, decisions
numbers     numbers as people read them, with their unit
tables      the tables, each row a tuple of cells
content     what the report says, in order, as plain values
plots       the pictures
embed       pictures saved as files and embedded in a page
render      the content as HTML and as GitHub Markdown, from templates/
side_by_side  what training measured of a candidate, beside Production
write       all of it into the folder of evidence

Others use `write.write`; training makes its model card with `plots`, `numbers`, `embed` and
`render`.
"""
