"""The server matrix: odd and hostile requests, signed by the judge, to every server that we can start here."""
