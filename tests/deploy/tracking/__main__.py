"""Write the tables of docs/operations/rights.md."""

from tests.deploy.tracking.page import PAGE, page

PAGE.write_text(page())
