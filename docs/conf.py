"""Sphinx configuration: `make docs` builds the site; a page in no table of contents, or a dead
link, is an error.
"""

from pleura import __version__

project = "pleura"
author = "The pleura developers"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = [
    "_build",
    "model-scores.md",
    "model-accuracy.md",
    "model-verdict.md",
    "model-unseen.md",
    "model-dense.md",
    "model-hostile.md",
]
html_theme = "furo"
html_title = f"pleura {__version__}"
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
autodoc_member_order = "bysource"
autodoc_typehints = "description"
suppress_warnings = ["myst.xref_missing"]


def setup(app):  # a Snakefile is Python with a few words more; Pygments has no lexer for it
    from pygments.lexers.python import PythonLexer

    app.add_lexer("snakemake", PythonLexer)
