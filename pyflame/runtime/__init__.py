"""Running programs: reference interpreters, the CSL front end, the fabric and its host."""
