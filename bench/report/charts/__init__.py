"""One file a kind of chart. Each takes a Scope and gives Charts: SVG, its data as a table, a legend, a caption."""
