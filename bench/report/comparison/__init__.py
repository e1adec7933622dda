"""A comparison in words, as Markdown, as JSON, as a page: `told` feeds them all, and the terminal."""
