"""Back-tests: what models would have said on days in the past, held against what happened next."""
